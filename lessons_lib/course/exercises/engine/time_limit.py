"""A limit on the time that a learner's function may take, kept in the main thread on every platform."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

REPEAT_SECONDS = 0.2


class TimeLimitReached(BaseException):
    """Raised inside the function that took too long. Not an Exception, so `except Exception` lets it through."""


class TimeLimit:
    """A with block whose `call`s may take `seconds` altogether.

    A watchdog thread sends SIGINT to the main thread when the time is up, which also wakes `time.sleep`, and
    the handler raises TimeLimitReached, but only inside `call`: the code around it is never struck. A function
    that swallows it with a bare except is struck again, each time one line later, until it ends.

    A user's own interrupt raises KeyboardInterrupt as ever, at the end of the block if it was swallowed;
    `interrupted` tells it from a KeyboardInterrupt that the function raised itself.

    Only the main thread can be interrupted: anywhere else the calls run without a limit. A single call into
    compiled code is interrupted when it returns.
    """

    def __init__(self, seconds: float | int) -> None:
        if not seconds > 0:
            raise ValueError(f"seconds must be > 0, got {seconds}")
        self.seconds = seconds
        self.interrupted = False
        self._inside = False
        self._sent = False  # the next SIGINT is the watchdog's
        self._strikes = 0
        self._done = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "TimeLimit":
        self._deadline = time.monotonic() + self.seconds
        self._limited = threading.current_thread() is threading.main_thread()
        if self._limited:
            self._trace_before = sys.gettrace()
            self._handler_before = signal.signal(signal.SIGINT, self._on_sigint)
            self._watchdog.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._inside = False
        if not self._limited:
            return
        self._done.set()
        self._watchdog.join()
        signal.signal(signal.SIGINT, self._handler_before or signal.default_int_handler)
        if self._strikes:
            sys.settrace(self._trace_before)
        if self.interrupted and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function that may take too long; TimeLimitReached if the time is up before it returns."""
        if self._limited and time.monotonic() > self._deadline:
            raise TimeLimitReached
        self._inside = True
        try:
            value, error = next(_apart(function))
        finally:
            self._inside = False
        if error is not None:
            raise error
        return value

    def _watch(self) -> None:
        """The watchdog: sleep until the limit, then interrupt the main thread until the block ends."""
        if self._done.wait(self.seconds):
            return
        while True:
            self._sent = True
            _interrupt_main_thread()
            if self._done.wait(REPEAT_SECONDS):
                return

    def _on_sigint(self, number: int, frame: FrameType | None) -> None:
        if not self._sent:
            self.interrupted = True
            raise KeyboardInterrupt
        self._sent = False
        if self._inside:
            self._strikes += 1
            self._strike_again(frame, lines=self._strikes)
            raise TimeLimitReached

    def _strike_again(self, frame: FrameType | None, lines: int) -> None:
        """Raise once more, `lines` lines further on.

        A bare except around a sleep would be struck inside its try block every time; one line further on
        is the except block, which that try does not guard.
        """

        def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
            nonlocal lines
            if not self._inside:
                return None
            if event == "line":
                lines -= 1
                if lines <= 0:
                    raise TimeLimitReached
            return trace

        while frame is not None and frame.f_code is not TimeLimit.call.__code__:
            frame.f_trace = trace
            frame = frame.f_back
        sys.settrace(trace)


def _apart(function: Callable[[], Any]) -> Iterator[tuple[Any, StopIteration | None]]:
    """Call function inside a generator, which has a current exception of its own.

    A strike inside nested except blocks can leave the struck frames' exception behind as the current one; it
    ends with the generator, instead of turning up in every later traceback.
    """
    try:
        yield function(), None
    except StopIteration as error:  # must not leave a generator
        yield None, error


def _interrupt_main_thread() -> None:
    """Deliver SIGINT so that it interrupts a sleeping main thread: to that thread, or on Windows by its event."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)
