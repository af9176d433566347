"""Rewrites the text of lessons in place, without running them: what links.py and minutes.py have in common."""

from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lessons_lib.atomic import write_whole

HERE = Path(__file__).resolve().parent


def rewrite(change: Callable[[NotebookNode, str], NotebookNode], numbers: Sequence[str]) -> None:
    """Gives the lessons of these numbers, such as 04, or all, to `change` with their number; prints what changed."""
    for path in sorted(HERE.glob("*.ipynb")):
        if numbers and path.name[:2] not in numbers:
            continue
        before = path.read_text("utf-8")
        after = nbformat.writes(change(nbformat.reads(before, as_version=4), path.name[:2])).rstrip() + "\n"
        if after != before:
            write_whole(path, after)
            print(path.name)
