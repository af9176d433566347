"""The line below a cell that trains, which says while it trains how far it is: steps, loss, seconds left."""

import html
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook

from lessons_lib.training import loop
from lessons_lib.training.loop import Record

PATIENCE = 1.0  # seconds that a cell may train without a line: what is done sooner needs none
PAUSE = 0.25  # seconds between two changes of the line
TRAINING = '<div class="lessons-training">'
"""How the line begins as HTML; a committed lesson keeps none."""


@dataclass(frozen=True)
class Line:
    """What the line says now; `share` of the training is done, None where nobody knows how long it is."""

    words: str
    share: float | None = None

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        bar = "" if self.share is None else f'<progress aria-label="training" value="{self.share:.3f}"></progress> '
        return f"{TRAINING}{bar}{html.escape(self.words)}</div>"


class TrainingLine:
    """Follows the trainings of one cell after the other.

    A training by `fit` says its step, its loss and the seconds left; of any other loop only its optimiser's steps are
    known. show: shows a line below the cell and returns what changes it later.
    """

    def __init__(
        self, show: Callable[[Line], Callable[[Line], object]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.show, self.clock = show, clock
        self.begin()

    def begin(self, info: Any = None) -> None:
        """A cell begins; one with an exercise, whose check may train, shows its card alone."""
        self.silent = "@exercise(" in getattr(info, "raw_cell", "")
        self.change: Callable[[Line], object] | None = None
        self.begun = self.changed = self.clock()
        self.steps, self.trainings, self.fitting = 0, 0, False

    def step(self, *_: Any) -> None:
        """An optimiser has made a step."""
        self.steps += 1
        if not self.fitting:
            self._say(Line(f"{self.steps:,} steps · {self.clock() - self.begun:.0f} s"))

    def fitted(self, record: Record, steps: int) -> None:
        """`fit` has made a step of so many."""
        if not self.fitting:
            self.trainings += 1
            self.since, self.first = self.clock(), record.step
        self.fitting = record.step < steps
        done, spent = record.step - self.first, self.clock() - self.since
        left = f" · about {spent / done * (steps - record.step):.0f} s left" if done else ""
        which = f"training {self.trainings}: " if self.trainings > 1 else ""
        words = f"{which}step {record.step} of {steps} · loss {record.loss:.3f}{left}"
        self._say(Line(words, record.step / steps))

    def end(self, *_: Any) -> None:
        """The cell has ended: its line, where it has one, says what was done."""
        if self.change is not None:
            self.change(Line(f"trained {self.steps:,} steps in {self.clock() - self.begun:.0f} s"))
        self.change = None

    def _say(self, line: Line) -> None:
        now = self.clock()
        if self.silent or now - self.begun < PATIENCE or (self.change and now - self.changed < PAUSE):
            return
        self.changed = now
        if self.change is None:
            self.change = self.show(line)
        else:
            self.change(line)


_lines: list[TrainingLine] = []


def show_training() -> None:
    """From now on each cell of this notebook that trains for more than a second shows a line; elsewhere nothing."""
    if _lines or "ipykernel" not in sys.modules:  # a second call adds none, and a script has no cells
        return
    from IPython import display, get_ipython

    def show(line: Line) -> Callable[[Line], object]:
        return display.display(line, display_id=True).update

    line = TrainingLine(show)
    _lines.append(line)
    get_ipython().events.register("pre_run_cell", line.begin)
    get_ipython().events.register("post_run_cell", line.end)
    loop.watchers.append(line.fitted)
    register_optimizer_step_post_hook(line.step)
