"""How many steps a budget of seconds is: measured on a few images before the first run, and then kept."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lessons_lib.data.sample import collate
from lessons_lib.scoreboard.protocol import Protocol, begin, read_once
from lessons_lib.scoreboard.systems import System
from lessons_lib.training.loop import fit
from lessons_lib.training.run import set_up

STEPS, LAST = 36, 18
"""Steps that are made to measure, all on the same images, and how many of them, the last ones, are timed as usual."""


@dataclass(frozen=True)
class Pace:
    """Seconds that a step takes, and how many more where its images are seen for the first time, for each of them."""

    step: float
    new_image: float

    def steps(self, budget: float, batch: int, images: int) -> int:
        """How many steps of `batch` out of `images` images fit into a budget of seconds, at least one.

        >>> Pace(step=0.1, new_image=0.05).steps(10.0, batch=4, images=100)  # 25 steps of 0.3 s, then 25 of 0.1 s
        50
        """
        all_new = images / batch * (self.step + batch * self.new_image)
        if budget <= all_new:
            return max(1, int(budget / (self.step + batch * self.new_image)))
        return int((budget - images * self.new_image) / self.step)


def clock_of(device: str) -> Callable[[], float]:
    """What counts the seconds of a budget: the processor's on a CPU, the clock's on a GPU."""
    return time.process_time if device == "cpu" else time.perf_counter


def measured_pace(protocol: Protocol, system: System, device: str) -> tuple[Pace, int]:
    """A system's pace on this machine, and how many images there are to learn from."""
    settings = read_once(protocol.settings(system, STEPS, 0))
    with tempfile.TemporaryDirectory() as folder:
        whole = set_up(settings, Path(folder), device, resume=False, start_from=begin)
        images = len(whole.samples)
        few = replace(settings, count=min(settings.batch, images))
        run = set_up(few, Path(folder), device, resume=False, start_from=begin)
    now, seconds = clock_of(run.machine.device.type), []
    others = whole.draws.__getitems__(range(settings.batch))
    sum(run.model(collate(others).to(run.machine.device)).values()).backward()  # what begins once is done
    run.seed_step(1)
    before = now()
    for record in fit(run.model, run.loader(0), run.optimizer, STEPS, rate=few.rate(), clip=few.clip):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(now() - before)
        run.seed_step(record.step + 1)
        before = now()
    step = statistics.median(seconds[-LAST:])
    more = sum(max(0.0, s - step) for s in seconds[:-LAST])
    return Pace(step, more / len(run.samples)), images
