"""Write samples in the layout of CamVid, so that reading them back gives the same label maps."""

from collections.abc import Iterable
from pathlib import Path

import torch

from data_scripts.check.pictures import save_numbers, save_photo
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import VOID, Sample


def write_camvid(samples: Iterable[Sample], out: Path | str, split: str = "train") -> int:
    """Write `out/CamVid/<split>` and `<split>annot`; return how many pictures.

    Labels are 0 to 10, void becomes 11. Instances are not written.
    Raises FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    count = 0
    with whole_folder(out) as draft:
        photos, labels = draft / "CamVid" / split, draft / "CamVid" / f"{split}annot"
        photos.mkdir(parents=True)
        labels.mkdir()
        for count, sample in enumerate(samples, start=1):
            save_photo(sample.image, photos / f"scene_{count:06d}.png")
            values = torch.where(sample.label_map == VOID, 11, sample.label_map)
            save_numbers(values, labels / f"scene_{count:06d}.png")
    return count
