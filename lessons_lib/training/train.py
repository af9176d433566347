"""Training into a folder, top to bottom: set up, announce, steps, save, score. It stops and resumes between steps."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import torch
from tqdm import tqdm

from lessons_lib.atomic import write_whole
from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import collate
from lessons_lib.data.splits import unseen_by
from lessons_lib.training.figures import Figures
from lessons_lib.training.journal import Journal, read_journal
from lessons_lib.training.loop import Record, fit
from lessons_lib.training.machine import agreed
from lessons_lib.training.memory import is_out_of_memory, largest_that_fits
from lessons_lib.training.run import CURVE, JOURNAL, PREDICTIONS, SCORES, Run, Start, set_up
from lessons_lib.training.scoring import score
from lessons_lib.training.seen import shared_images
from lessons_lib.training.settings import Settings
from lessons_lib.training.stopping import stop_between_steps

Look = Callable[[Run, int], None]
"""What looks on between two steps, such as at how good the model has become."""

UNSEEN = 200
"""On how many images of the split "val" the finished model is scored, at most."""


def train(
    settings: Settings, folder: Path, *, save_every: int = 100, device: str = "auto", workers: int | None = None,
    resume: bool = False, recorded: bool = False, on_error: str = "raise", figures: Figures | None = None,
    start_from: Start | None = None,
    go_on: str = "the same command with --resume", unseen: int | None = None, look: Look | None = None,
) -> int | None:  # fmt: skip
    """Trains in a folder until the last step and scores the model on images that it has not seen; returns None.

    A signal that asks to stop ends it after a step, saved, and is returned.

    Args:
        save_every: steps from one checkpoint to the next.
        workers: processes that read images ahead; None is 0 on a CPU and 4 on a GPU.
        resume: take up the run in the folder, or begin it if there is none.
        recorded: on a GPU, record a step once and then repeat it: see `RecordedStep`.
        on_error: "skip" leaves out damaged images and reports them; "raise" stops at the first.
        figures: draws the losses and some predictions; None draws nothing.
        start_from: gives the fresh model its first weights, and says which.
        go_on: what tells the reader how to go on after a stop.
        unseen: on how many images of the split "val" the finished model is scored, at most; 0: on none;
            None: `UNSEEN`.
        look: called after each step with the run and the step's number; its time is not the step's. A run that is taken
            up makes the steps after its checkpoint once more, and calls it once more.

    Raises:
        FloatingPointError: for a loss or weight that is no number.
        MemoryError: with the batch that fits.
        ValueError: for arguments that do not fit.
        FileExistsError: for a folder with a run where `resume` was not said.
    """
    if save_every < 1:
        raise ValueError(f"save_every must be ≥ 1, got {save_every}")
    if workers is not None and workers < 0:
        raise ValueError(f"workers must be ≥ 0, got {workers}")
    if unseen is not None and unseen < 0:
        raise ValueError(f"unseen must be ≥ 0, got {unseen}")
    run = set_up(settings, folder, device, resume, on_error, start_from, recorded)
    if workers is None:
        workers = 4 if run.machine.device.type == "cuda" else 0
    try:
        asked = _steps_or_what_fits(run, save_every, workers, look)
    finally:
        lines = read_journal(folder / JOURNAL) if run.is_main else []
        if lines and figures is not None:
            figures.losses(lines, folder / CURVE)
    if run.is_main and on_error == "skip":
        print(run.samples.report())
    if asked is not None:
        if run.is_main:
            how = go_on if run.machine.num_processes == 1 else "the same command, launcher and all, with --resume"
            print(f"stopped, and saved in {folder}. To go on: {how}")
    else:
        _score_val(run, UNSEEN if unseen is None else unseen, figures)
    run.machine.end_training()
    return asked


def _announce(run: Run) -> None:
    """Says what is trained and where, and, of fresh weights, the losses expected beside those found."""
    s, machine = run.settings, run.machine
    count = sum(parameter.numel() for parameter in run.model.parameters())
    processes = f"{machine.num_processes} process{'es' * (machine.num_processes > 1)}"
    print(
        f"{s.model}, {count:,} parameters, {machine.device.type}, {processes}, in {run.folder}: "
        f"{run.start} of {s.steps} steps made",
        flush=True,
    )
    if run.start == 0:
        if run.begun:
            print(run.begun, flush=True)
        expected = cast(Any, run.inner).expected_losses()
        for name, value in first_losses(run).items():
            hoped = f"{expected[name]:.3f} expected of fresh weights, " if name in expected else ""
            print(f"before the first step: {name} {hoped}{value:.3f} found", flush=True)


def first_losses(run: Run) -> dict[str, float]:
    """The losses of the first step's images before any step; model and random numbers are left as they were."""
    plan = range(run.settings.batch // run.machine.num_processes)
    batch = collate(run.draws.__getitems__(plan)).to(run.machine.device)
    model, buffers = run.inner.train(), {name: buffer.clone() for name, buffer in run.inner.named_buffers()}
    run.seed_step(1)
    with torch.no_grad():
        losses = {name: loss.item() for name, loss in model(batch).items()}
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])  # such as BatchNorm's means, which this look has moved
    return losses


def _steps(run: Run, save_every: int, workers: int, look: Look | None) -> int | None:
    """Makes the steps; returns the signal that asked to stop, None after the last step."""
    s, machine, rate = run.settings, run.machine, run.settings.rate()
    if run.is_main:
        _announce(run)
    bar = tqdm(total=s.steps, initial=run.start, unit="step", disable=not (run.is_main and sys.stderr.isatty()))
    with ExitStack() as stack:
        stack.enter_context(bar)
        stop = stack.enter_context(stop_between_steps(impatient=machine.num_processes == 1))
        journal = stack.enter_context(Journal(run.folder / JOURNAL, run.start)) if run.is_main else None
        before, cpu_before = time.perf_counter(), time.process_time()
        run.seed_step(run.start + 1)
        batches = run.loader(workers)
        for record in fit(
            run.model, batches, run.optimizer, s.steps, run.start, rate=rate, clip=s.clip, recorded=run.recorded
        ):
            asked = agreed(machine, stop.signal)
            if journal is not None:
                now, cpu_now = time.perf_counter(), time.process_time()
                journal.write(_line(record, rate(record.step), now - before, cpu_now - cpu_before))
                bar.set_postfix_str(f"loss {record.loss:.3f}", refresh=False)
                bar.update()
                if asked or record.step % save_every == 0 or record.step == s.steps:
                    journal.flush_to_disk()
                    run.save(record.step)
                    if bar.disable:
                        print(f"step {record.step}/{s.steps}  loss {record.loss:.4f}", flush=True)
            if asked:
                return asked
            if look is not None:
                look(run, record.step)
            before, cpu_before = time.perf_counter(), time.process_time()
            run.seed_step(record.step + 1)
    return None


def _line(record: Record, rate: float, seconds: float, cpu_seconds: float) -> dict[str, Any]:
    return {
        "step": record.step, "loss": record.loss, "losses": record.losses, "lr": rate, "seconds": round(seconds, 4),
        "cpu_seconds": round(cpu_seconds, 4),
    }  # fmt: skip


def _steps_or_what_fits(run: Run, save_every: int, workers: int, look: Look | None) -> int | None:
    """The steps; where memory runs out, the error says which batch size fits."""
    try:
        return _steps(run, save_every, workers, look)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    # Out here the error is gone, and with it the tensors that its frames held.
    batch, processes = run.settings.batch, run.machine.num_processes
    if processes > 1:
        raise MemoryError(f"batch {batch} needs more memory than there is; try half of it ({reason})")

    def attempt(images: int) -> None:
        samples = run.draws.__getitems__(range(images))
        sum(run.model(collate(samples).to(run.machine.device)).values()).backward()
        run.optimizer.step()  # the weights are of no use any more; this is for the memory that it takes
        run.optimizer.zero_grad()

    fits = largest_that_fits(attempt, batch)
    advice = f"--batch {fits} fits" if fits else "not even a batch of 1 fits: try a smaller --size"
    raise MemoryError(f"batch {batch} needs more memory than there is; {advice} ({reason})")


def _score_val(run: Run, unseen: int, figures: Figures | None) -> None:
    """Scores the model on `unseen` images of the split "val", writes the scores beside the checkpoint, prints the gist.

    The run is finished and saved: a damaged image is left out and reported, and a set without a val split is no error.
    """
    s, classes = run.settings, run.meaning["classes"]
    if unseen == 0:
        return
    split = unseen_by(s.split)
    try:
        samples: Any = open_dataset(s.data, s.root, split, size=s.size, preset=s.preset)
        if list(samples.classes) != classes:
            raise ValueError("its classes are not those of the images that were learned from")
    except (ValueError, OSError) as error:
        if run.is_main:
            print(f"trained, and not scored: the split {split} cannot be opened: {error}")
        return
    found = score(run.inner, run.task, samples, classes, s.size, run.machine, unseen, on_error="skip")
    if run.is_main:
        path = run.folder / SCORES
        write_whole(path, json.dumps(found.scores, indent=2, ensure_ascii=False) + "\n")
        if figures is not None and found.examples:
            figures.predictions(found.examples, classes, run.folder / PREDICTIONS)
        for line in found.skipped:
            print(f"skipped {line}")
        seen = shared_images(run.samples, samples, s.data, s.split, split)
        count = found.scores["images"]
        where = f"{count} unseen images" if seen is None else f"{count} images, {seen}"
        print(f"{run.task.in_one_line(found.scores)}  on {where}; all scores: {path}")
