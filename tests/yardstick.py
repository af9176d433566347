"""Time that a test may assert: in multiples of a fixed piece of work on this processor, as busy as it is."""

import time
from collections.abc import Callable

import torch


def times_the_yardstick(work: Callable[[], object], rounds: int = 3) -> float:
    """How many times as long as ten thousand sums of small tensors (some 50 milliseconds) the work takes; the least of
    some rounds, each beside its own yardstick."""
    return min(_processor_seconds(work) / _processor_seconds(_ten_thousand_sums) for _ in range(rounds))


def _processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _ten_thousand_sums() -> None:
    number = torch.ones(1)
    for _ in range(10_000):
        number = number + 1
