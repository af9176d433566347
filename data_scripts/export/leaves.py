"""Write samples in the layout of the CVPPP leaf challenge, so that reading them back gives the same samples."""

from collections.abc import Iterable
from pathlib import Path

import torch

from data_scripts.check.pictures import save_numbers, save_photo
from data_scripts.export.voc import object_map
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample


def write_leaves(samples: Iterable[Sample], out: Path | str) -> int:
    """Write `out/training/A1` with four pictures a plant and the counts in A1.csv; return how many plants.

    Every instance becomes a leaf, and every pixel without one background: the layout has no void. A centre is the pixel
    of a leaf that is nearest to the mean of its pixels.
    Raises ValueError for what `write_voc` refuses, FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    lines = []
    with whole_folder(out) as draft:
        home = draft / "training" / "A1"
        home.mkdir(parents=True)
        for number, sample in enumerate(samples, start=1):
            name = f"plant{number:03d}"
            save_photo(sample.image, home / f"{name}_rgb.png")
            numbers = object_map(sample)
            numbers = torch.where(numbers == VOID, 0, numbers)
            save_numbers(numbers, home / f"{name}_label.png", palette=True)
            save_numbers((numbers > 0).long(), home / f"{name}_fg.png", palette=True)
            centres = torch.zeros_like(numbers)
            for mask in sample.instances.masks:
                pixels = mask.nonzero().float()
                row, column = pixels[(pixels - pixels.mean(dim=0)).norm(dim=1).argmin()].long()
                centres[row, column] = 1
            save_numbers(centres, home / f"{name}_centers.png", palette=True)
            lines.append(f"{name}_rgb.png, {len(sample.instances)}\n")
        (home / "A1.csv").write_text("".join(lines), encoding="utf-8")
    return len(lines)
