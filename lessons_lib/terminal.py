"""A command and its terminal: what it prints survives every encoding, and a reader that goes away ends it quietly."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

CLOSED = 128 + 13
"""The exit status of a program that writes to a pipe that nobody reads any more, as the shell counts: SIGPIPE is 13."""


def run(main: Callable[[], int | None]) -> int:
    """The exit status of a command's `main`, None being 0.

    A character that the terminal's encoding lacks is printed as its escape, such as \\u2265 for ≥, where Python would
    stop with UnicodeEncodeError. `| head` ends the command without a traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return main() or 0
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())  # Python flushes both once more at its end
        return CLOSED


def parsed(parser: argparse.ArgumentParser, words: Sequence[str] | None = None) -> argparse.Namespace:
    """`parser.parse_args`, but an empty word ends it with a sentence: "$OUT" of a shell in which OUT is not set.

    An empty path would be the current folder.
    """
    words = sys.argv[1:] if words is None else words
    for before, word in zip(("", *words), words, strict=False):
        name = before if not word else word.removesuffix("=")
        if not word or (word.startswith("--") and word.endswith("=")):
            parser.error(f"an argument is empty, after {name}" if name else "the first argument is empty")
    return parser.parse_args(words)
