"""Stopping between two steps: Ctrl-C, or a scheduler's request to end, waits until the step that runs is whole."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_STATUS = 128
"""Added to a signal's number, it is the exit status of a program that the signal ended: 130 for Ctrl-C."""


class Stop:
    """Whether the run was asked to stop: `signal` is the number of the request, or None."""

    signal: int | None = None


@contextmanager
def stop_between_steps(impatient: bool = True) -> Iterator[Stop]:
    """Within the block, Ctrl-C (SIGINT) and SIGTERM only set `stop.signal`, once; the loop looks at it after each step.

    A second Ctrl-C ends the program at once if `impatient`; a launcher of several processes sends each signal twice,
    so there it must not. The handlers from before come back afterwards. Outside the main thread it does nothing.
    """
    stop = Stop()

    def request(number: int, frame: object) -> None:
        if stop.signal is None:
            again = "; once more stops at once, unsaved" if impatient and number == signal.SIGINT else ""
            print(f"\nfinishing this step, then saving{again}", file=sys.stderr, flush=True)
            stop.signal = number
        elif impatient and number == signal.SIGINT:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
