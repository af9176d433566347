"""Training into a folder: the steps and what they leave behind, stopped and taken up again between any two of them."""

import json
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from torch.utils.data import DataLoader
from tqdm import tqdm

from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import collate
from lessons_lib.training.atomic import write_whole
from lessons_lib.training.evaluate import score
from lessons_lib.training.journal import Journal, draw_curve
from lessons_lib.training.loop import Record, fit
from lessons_lib.training.machine import agreed, inner_model
from lessons_lib.training.memory import is_out_of_memory, largest_that_fits
from lessons_lib.training.order import generator_for, step_draws
from lessons_lib.training.run import CURVE, JOURNAL, SCORES, Run, set_up
from lessons_lib.training.settings import Settings
from lessons_lib.training.stopping import stop_between_steps

UNSEEN = 200
"""How many pictures of the split "val" the finished model is scored on, at most."""


def train(
    settings: Settings, folder: Path, *, save_every: int = 100, device: str = "auto", workers: int | None = None,
    resume: bool = False, go_on: str = "the same command with --resume",
) -> int | None:  # fmt: skip
    """Trains in a folder until the last step and scores the model on unseen pictures; answers None.

    A signal that asks to stop ends it after a step, saved, and is the answer; `go_on` says to the reader how to go on.
    `save_every` counts steps. `workers` read pictures ahead; None is 0 on a CPU and 4 on a GPU. With `resume` the run
    in the folder is taken up, or begun if there is none.

    FloatingPointError for a loss or weight that is no number, MemoryError with the batch that fits, ValueError for
    arguments that do not fit, FileExistsError for a folder with a run where `resume` was not said.
    """
    if save_every < 1:
        raise ValueError(f"save_every must be ≥ 1, got {save_every}")
    if workers is not None and workers < 0:
        raise ValueError(f"workers must be ≥ 0, got {workers}")
    run = set_up(settings, folder, device, resume)
    main = run.machine.is_main_process
    if workers is None:
        workers = 4 if run.machine.device.type == "cuda" else 0
    if main:
        count = sum(parameter.numel() for parameter in run.model.parameters())
        processes = run.machine.num_processes
        place = f"{run.machine.device.type}, {processes} process{'es' * (processes > 1)}"
        print(
            f"{settings.model}, {count:,} parameters, {place}, in {folder}: {run.start} of {settings.steps} steps made",
            flush=True,
        )
    try:
        asked = _steps_or_what_fits(run, save_every, workers)
    finally:
        if main:
            draw_curve(folder / JOURNAL, folder / CURVE)
    if asked is not None:
        if main:
            how = go_on if run.machine.num_processes == 1 else "the same command, launcher and all, with --resume"
            print(f"stopped, and saved in {folder}. To go on: {how}")
    else:
        _score_unseen(run)
    run.machine.end_training()
    return asked


def _loader(run: Run, workers: int) -> DataLoader:
    machine, settings = run.machine, run.settings
    plan = step_draws(run.start, settings.steps, settings.batch, machine.process_index, machine.num_processes)
    return DataLoader(
        run.draws,
        batch_sampler=plan,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=machine.device.type == "cuda",
        generator=generator_for(settings.seed, "workers"),  # or it would take a number from the model's own
        worker_init_fn=_leave_signals_to_the_run,
        persistent_workers=workers > 0,
    )


def _leave_signals_to_the_run(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; a reader of pictures has to live until the step is whole."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _steps(run: Run, save_every: int, workers: int) -> int | None:
    """Makes the steps; answers the signal that asked to stop, None after the last step."""
    steps, machine = run.settings.steps, run.machine
    main = machine.is_main_process
    bar = tqdm(total=steps, initial=run.start, unit="step", disable=not (main and sys.stderr.isatty()))
    with ExitStack() as stack:
        stack.enter_context(bar)
        stop = stack.enter_context(stop_between_steps(impatient=machine.num_processes == 1))
        journal = stack.enter_context(Journal(run.folder / JOURNAL, run.start)) if main else None
        before = time.perf_counter()
        run.get_ready_for(run.start + 1)
        for record in fit(run.model, _loader(run, workers), run.optimizer, steps, run.start):
            asked = agreed(machine, stop.signal)
            if main:
                now = time.perf_counter()
                journal.write(_line(record, run.settings.rate(record.step), now - before))
                before = now
                bar.set_postfix_str(f"loss {record.loss:.3f}", refresh=False)
                bar.update()
                if asked or record.step % save_every == 0 or record.step == steps:
                    journal.flush_to_disk()
                    run.save(record.step)
                    if bar.disable:
                        print(f"step {record.step}/{steps}  loss {record.loss:.4f}", flush=True)
            if asked:
                return asked
            run.get_ready_for(record.step + 1)
    return None


def _line(record: Record, rate: float, seconds: float) -> dict:
    return {
        "step": record.step, "loss": record.loss, "losses": record.losses, "lr": rate, "seconds": round(seconds, 4),
    }  # fmt: skip


def _steps_or_what_fits(run: Run, save_every: int, workers: int) -> int | None:
    """The steps; where memory is short, an error that says with which batch it is not."""
    try:
        return _steps(run, save_every, workers)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    # Out here the error is gone, and with it the tensors that its frames held.
    batch, processes = run.settings.batch, run.machine.num_processes
    if processes > 1:
        raise MemoryError(f"batch {batch} needs more memory than there is; try half of it ({reason})")

    def attempt(pictures: int) -> None:
        samples = run.draws.__getitems__(range(pictures))
        sum(run.model(collate(samples).to(run.machine.device)).values()).backward()
        run.optimizer.step()  # the weights are of no use any more; this is for the memory that it takes
        run.optimizer.zero_grad()

    fits = largest_that_fits(attempt, batch)
    advice = f"--batch {fits} fits" if fits else "not even a batch of 1 fits: try a smaller --size"
    raise MemoryError(f"batch {batch} needs more memory than there is; {advice} ({reason})")


def _score_unseen(run: Run) -> None:
    """Scores the model on pictures of the split "val", writes them beside the checkpoint and prints the gist."""
    s, machine = run.settings, run.machine
    try:
        samples = open_dataset(s.data, s.root, "val", size=s.size, preset=s.preset)
    except FileNotFoundError as error:
        if machine.is_main_process:
            print(f"trained, and not scored on unseen pictures: {error}")
        return
    scores = score(inner_model(machine, run.model), samples, samples.classes, s.size, machine, UNSEEN)
    if machine.is_main_process:
        path = run.folder / SCORES
        write_whole(path, json.dumps(scores, indent=2, ensure_ascii=False) + "\n")
        shown = "  ".join(
            f"{text} {'–' if scores[name] is None else format(scores[name], '.3f')}"
            for name, text in (("miou", "mIoU"), ("pixel_accuracy", "pixel accuracy"), ("boundary_f", "boundary F"))
        )
        print(f"{shown}  on {scores['pictures']} unseen pictures; all scores: {path}")
