"""Time that a test may assert: in multiples of a fixed piece of work on this processor, as busy as it is."""

import time
from collections.abc import Callable

import torch


def assert_takes_at_most(times: float, work: Callable[[], object], rounds: int = 3) -> None:
    """In one of some rounds at the most, the work takes so many times as long as ten thousand sums of small tensors
    beside it, which are some 50 milliseconds."""
    ratios: list[float] = []
    while not ratios or ratios[-1] > times:
        assert len(ratios) < rounds, f"took {ratios} times the yardstick, more than {times}"
        ratios.append(_processor_seconds(work) / _processor_seconds(_ten_thousand_sums))


def _processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _ten_thousand_sums() -> None:
    number = torch.ones(1)
    for _ in range(10_000):
        number = number + 1
