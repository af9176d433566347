"""The limit stops what does not end, and nothing else."""

import contextlib
import signal
import sys
import threading
import time

import pytest

from lessons_lib.course.exercises.engine.time_limit import TimeLimit, TimeLimitReached


def assert_is_stopped(function):
    """All of them would go on for a quarter of an hour or for ever."""
    with pytest.raises(TimeLimitReached), TimeLimit(0.2) as limit:
        limit.call(function)


def endless():
    while True:
        pass


def asleep():
    time.sleep(1000)


def swallows_exceptions():
    while True:
        with contextlib.suppress(Exception):
            time.sleep(1000)


def swallows_everything():
    while True:
        try:
            time.sleep(1000)
        except:  # noqa: E722
            continue


def swallows_everything_twice():
    while True:
        try:
            try:
                time.sleep(1000)
            except:  # noqa: E722
                continue
        except:  # noqa: E722
            continue


def swallows_and_returns():
    try:
        time.sleep(1000)
    except:  # noqa: E722
        return 1


@pytest.mark.parametrize("function", [endless, asleep, swallows_exceptions, swallows_everything])
def test_what_does_not_end_is_stopped(function):
    assert_is_stopped(function)


def test_an_exception_swallowed_twice_over_is_raised_at_a_later_line():
    assert_is_stopped(swallows_everything_twice)


@pytest.mark.parametrize("function", [swallows_everything, swallows_everything_twice])
def test_no_exception_stays_behind(function):
    assert_is_stopped(function)
    assert sys.exc_info() == (None, None, None)


def test_an_exception_of_the_functions_own_comes_out_as_it_is():
    for error in (StopIteration(3), ValueError("no"), GeneratorExit(), SystemExit()):

        def fails(error=error):
            raise error

        with pytest.raises(type(error)) as raised, TimeLimit(5) as limit:
            limit.call(fails)
        assert raised.value is error


def test_the_value_comes_back_and_the_clock_runs_over_all_calls():
    with TimeLimit(0.3) as limit:
        assert limit.call(lambda: 7) == 7
        with pytest.raises(TimeLimitReached):
            for _ in range(100):
                limit.call(lambda: time.sleep(0.05))


def test_a_call_after_the_limit_is_not_made():
    called = []
    with TimeLimit(0.1) as limit:
        time.sleep(0.2)  # outside call: not interrupted
        with pytest.raises(TimeLimitReached):
            limit.call(lambda: called.append(1))
    assert not called


def test_code_around_the_calls_is_never_struck():
    with TimeLimit(0.5) as limit:
        limit.call(lambda: None)
        end = time.monotonic() + 1.1  # three strikes long
        while time.monotonic() < end:
            pass


def test_handler_and_trace_are_given_back():
    handler, trace = signal.getsignal(signal.SIGINT), sys.gettrace()
    for function in (endless, swallows_and_returns):
        with TimeLimit(0.1) as limit, contextlib.suppress(TimeLimitReached):
            limit.call(function)
    assert signal.getsignal(signal.SIGINT) is handler
    assert sys.gettrace() is trace
    assert not [thread for thread in threading.enumerate() if "_watch" in thread.name]


def test_a_users_interrupt_stays_a_keyboard_interrupt():
    def press_stop():
        signal.raise_signal(signal.SIGINT)
        time.sleep(1000)

    with pytest.raises(KeyboardInterrupt), TimeLimit(5) as limit:
        limit.call(press_stop)
    assert limit.interrupted


def test_a_users_interrupt_that_was_swallowed_comes_at_the_end():
    def swallow():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            return 1

    with pytest.raises(KeyboardInterrupt), TimeLimit(5) as limit:
        assert limit.call(swallow) == 1


def test_a_keyboard_interrupt_of_the_functions_own_is_not_the_users():
    def pretend():
        raise KeyboardInterrupt

    with TimeLimit(5) as limit, pytest.raises(KeyboardInterrupt):
        limit.call(pretend)
    assert not limit.interrupted


def test_off_the_main_thread_there_is_no_limit():
    found = []

    def in_thread():
        with TimeLimit(0.1) as limit:
            found.append(limit.call(lambda: time.sleep(0.3) or "done"))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert found == ["done"]
