"""Write samples in the layout of Penn-Fudan, so that reading them back gives the same samples."""

from collections.abc import Iterable
from pathlib import Path

import torch

from data_scripts.check.pictures import save_numbers, save_photo
from data_scripts.export.voc import object_map
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample


def write_penn_fudan(samples: Iterable[Sample], out: Path | str) -> int:
    """Write `out/PennFudanPed/PNGImages` and `PedMasks`; return how many pictures.

    Every instance becomes a pedestrian, and every pixel without one background: the layout has no void.
    Raises ValueError for what `write_voc` refuses, FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    count = 0
    with whole_folder(out) as draft:
        photos, masks = draft / "PennFudanPed" / "PNGImages", draft / "PennFudanPed" / "PedMasks"
        photos.mkdir(parents=True)
        masks.mkdir()
        for count, sample in enumerate(samples, start=1):
            name = f"ScenePed{count:05d}"
            save_photo(sample.image, photos / f"{name}.png")
            numbers = object_map(sample)
            save_numbers(torch.where(numbers == VOID, 0, numbers), masks / f"{name}_mask.png")
    return count
