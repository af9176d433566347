"""Stopping: a request waits, a second one does not, and the handlers from before come back."""

import signal
import threading

import pytest

from lessons_lib.training.stopping import stop_between_steps

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_request_waits(number, capsys):
    before = [signal.getsignal(n) for n in NUMBERS]
    with stop_between_steps() as stop:
        assert stop.signal is None
        signal.raise_signal(number)
        assert stop.signal == number
    assert [signal.getsignal(n) for n in NUMBERS] == before
    assert capsys.readouterr().err.count("finishing this step, then saving") == 1


def test_a_second_ctrl_c_does_not_wait():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_between_steps():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_launchers_second_signal_is_not_impatience(capsys):
    with stop_between_steps(impatient=False) as stop:
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(number)
    assert stop.signal == signal.SIGINT
    assert capsys.readouterr().err == "\nfinishing this step, then saving\n"


def test_outside_the_main_thread_it_does_nothing():
    seen = []

    def work() -> None:
        with stop_between_steps() as stop:
            seen.append(stop.signal)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]
