"""Overfitting on purpose: a model that cannot learn a few images by heart has a mistake; training longer hides it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.optim import AdamW

from lessons_lib.data.cached import Cached
from lessons_lib.data.open import open_dataset
from lessons_lib.models.zoo import find_model
from lessons_lib.training.augment import BY_NAME
from lessons_lib.training.loop import fit
from lessons_lib.training.machine import start_machine
from lessons_lib.training.run import Start, fresh_model
from lessons_lib.training.sampling import Draws, Loader, generator_for, seed_for, step_draws
from lessons_lib.training.scoring import score
from lessons_lib.training.settings import Settings
from lessons_lib.training.tasks import TASKS, Task, images_in_words

LOOKS = 20
"""How often at most the model is asked whether it has learned the images."""


@dataclass(frozen=True)
class Verdict:
    """Whether the images were learned: the value of the task's score after so many steps."""

    task: Task
    value: float
    steps: int
    images: int

    @property
    def learned(self) -> bool:
        """Whether the score is that of a model that knows its images by heart."""
        return self.value >= self.task.learned[1]

    def __str__(self) -> str:
        name, least = self.task.learned
        what = f"{images_in_words(self.images)} {'learned' if self.learned else 'NOT learned'} after {self.steps} steps"
        sign = "≥" if self.learned else "<"
        said = f"{what}: {self.task.numbers[name]} {self.value:.3f} {sign} {least}"
        if self.learned:
            return said
        return f"{said}. Try another --lr or more --steps; if that does not help, look for a mistake in model or data"


def overfit(
    settings: Settings, images: int, device: str = "auto", say: Callable[[str], None] = print,
    start_from: Start | None = None,
) -> Verdict:  # fmt: skip
    """Trains fresh weights on the first images alone until they are learned, or until the settings' last step.

    Nothing is cropped at random, mirrored or kept; the learning rate falls to nothing. `say` gets the progress.
    `start_from` gives the fresh weights others, and says which.
    The settings' `count`, `augment` and `schedule` are ignored. Raises ValueError where there are fewer images.
    """
    s = replace(settings, count=images, augment="none", schedule="polynomial", batch=min(settings.batch, images))
    task, machine = TASKS[find_model(s.model).task], start_machine(device, s.precision)
    opened: Any = open_dataset(s.data, s.root, s.split, size=s.size, preset=s.preset)
    prepare, nothing = BY_NAME[s.augment], generator_for(s.seed)
    samples = [prepare(sample, nothing, s.size) for sample in Cached(opened, images).__getitems__(range(images))]
    torch.manual_seed(seed_for(s.seed, "weights"))
    model = fresh_model(s, opened.classes)
    if start_from is not None:
        say(start_from(model, opened.classes))
    model = machine.prepare_model(model)
    optimizer = AdamW(model.parameters(), lr=s.lr, weight_decay=0.0)
    loader = Loader(Draws(samples, s.seed), step_draws(0, s.steps, s.batch))
    every = max(1, s.steps // LOOKS)
    for record in fit(model, loader, optimizer, s.steps, rate=s.rate(), clip=s.clip):
        if record.step % every == 0 or record.step == s.steps:
            inner = machine.unwrap_model(model)
            scores = score(inner, task, samples, opened.classes, s.size, machine).scores
            verdict = Verdict(task, scores[task.learned[0]] or 0.0, record.step, images)
            if verdict.learned or record.step == s.steps:
                return verdict
            say(f"step {record.step}/{s.steps}  loss {record.loss:.4f}  {task.in_one_line(scores)}")
    raise AssertionError("the last step has its verdict")
