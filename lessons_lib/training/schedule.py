"""Schedules: the learning rate of each step, as a function of the step alone, so that a resumed run need not store it.

Steps are counted from 1; the first argument is the highest rate of the whole training.
"""

import math
from collections.abc import Callable

Rate = Callable[[int], float]
"""The learning rate of a step."""


def constant(highest: float, steps: int) -> Rate:
    """The same rate at each step."""
    _check(steps)
    return lambda step: highest


def polynomial(highest: float, steps: int, power: float = 0.9) -> Rate:
    """Falls from the first step on to almost 0, as (1 − (t − 1) / steps)^power at step t.

    With power 0.9 it is the "poly" rate of Chen et al., "DeepLab" (arXiv:1606.00915), section 4.1.
    """
    _check(steps)
    return lambda step: highest * (1 - (step - 1) / steps) ** power


def one_cycle(highest: float, steps: int, warm_up: float = 0.2) -> Rate:
    """Rises along a cosine from a 25th of the highest rate for `warm_up` of the steps, then falls to almost 0.

    The last rate is a 10,000th of the first one. It is what torch's OneCycleLR does to the rate (Smith and Topin,
    "Super-Convergence", arXiv:1708.07120); the momentum stays.
    """
    _check(steps)
    first, top, last = highest / 25, warm_up * steps - 1, steps - 1

    def rate(step: int) -> float:
        if step - 1 <= top:
            return _along_cosine(first, highest, (step - 1) / top if top > 0 else 1.0)
        return _along_cosine(highest, first / 1e4, (step - 1 - top) / (last - top) if last > top else 1.0)

    return rate


def warm_up_cosine(highest: float, steps: int, warm_up: float = 0.05) -> Rate:
    """Rises in a straight line for `warm_up` of the steps, then falls along a cosine to almost 0.

    The warm-up is that of Goyal et al., "Accurate, Large Minibatch SGD" (arXiv:1706.02677), section 2.2; the cosine
    that of Loshchilov and Hutter, "SGDR" (arXiv:1608.03983), equation 5, without restarts.
    """
    _check(steps)
    warm = math.ceil(warm_up * steps)

    def rate(step: int) -> float:
        if step <= warm:
            return highest * step / (warm + 1)
        return _along_cosine(highest, 0.0, (step - 1 - warm) / (steps - warm))

    return rate


def _along_cosine(start: float, end: float, share: float) -> float:
    """Half a cosine from `start` to `end`; `share` in [0, 1] says how far along."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _check(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"steps must be ≥ 1, got {steps}")


SCHEDULES: dict[str, Callable[[float, int], Rate]] = {
    "constant": constant,
    "polynomial": polynomial,
    "one-cycle": one_cycle,
    "warm-up-cosine": warm_up_cosine,
}
"""Every schedule by its name; each takes the highest rate and the number of steps."""
