"""The verb data: a look at a folder before training, printed, and drawn as a sheet of images with their labels."""

import argparse
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from lessons_lib.atomic import whole_file
from lessons_lib.course.plotting import contact_sheet
from lessons_lib.data.crop import resize_short_side
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.look import Look, look_at
from lessons_lib.data.report import report
from lessons_lib.data.sample import Sample
from lessons_lib.training.advice import train_command

SHOWN, COLUMNS = 24, 6
"""Images on the sheet, and how many beside each other."""

SIDE = 160
"""The shorter side of an image on the sheet, in pixels."""


def run_look(args: argparse.Namespace) -> int:
    """Prints the report and the command that trains, draws the sheet; the exit status is 1 where an image is damaged.

    With `on_error` "raise" the first damaged image raises DamagedFile instead of being listed.
    """
    folder = Path(args.folder)
    look = look_at(folder, args.data, lambda numbers: tqdm(numbers, unit="image", leave=False, disable=None))
    if args.on_error == "raise" and look.damaged:
        raise_first(look)
    print("\n".join(report(look)))
    samples = shown(look)
    if samples:
        layers = ("image", "labels") if "boxes" in look.lacks else ("image", "instances")
        figure = contact_sheet(samples, COLUMNS, layers)
        figure.patch.set_alpha(1)
        try:
            with whole_file(Path(args.out)) as part:
                figure.savefig(part, format="png", dpi=120)
        except OSError as error:
            raise OSError(f"out must be a file that can be written (--out FILE), got {args.out}: {error}") from None
        print(f"sheet    {args.out}: {len(samples)} images and their labels")
    gpu = torch.cuda.is_available()
    print(f"train    {train_command(look, args.folder, free_memory(gpu), gpu)}")
    return 1 if look.damaged else 0


def raise_first(look: Look) -> None:
    """Raises the DamagedFile of the first image that cannot be read."""
    for samples in look.opened.values():
        for index in range(len(samples)):
            samples[index]


def shown(look: Look) -> list[Sample]:
    """Images for the sheet, from each split at equal distances, those of val last."""
    found: list[Sample] = []
    for samples in look.opened.values():
        wanted = max(1, round(SHOWN * len(samples) / max(1, sum(look.splits.values()))))
        for index in range(0, len(samples), max(1, len(samples) // wanted)):
            if len(found) < SHOWN and (sample := _whole(samples, index)) is not None:
                found.append(sample)
    return found


def _whole(samples: Any, index: int) -> Sample | None:
    """A small copy of a sample; None where it is damaged."""
    try:
        sample = samples[index]
    except DamagedFile:
        return None
    return resize_short_side(sample, SIDE) if min(sample.label_map.shape) > SIDE else sample


def free_memory(gpu: bool) -> float:
    """Free bytes of the GPU, else of the machine."""
    if gpu:
        return float(torch.cuda.mem_get_info()[0])
    import psutil

    return float(psutil.virtual_memory().available)
