"""Write samples in the layout of the Data Science Bowl 2018, so that reading them back gives the same samples."""

from collections.abc import Iterable
from pathlib import Path

from data_scripts.check.pictures import save_numbers, save_photo
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import Sample


def write_nuclei(samples: Iterable[Sample], out: Path | str) -> int:
    """Write `out/stage1_train/<id>/images` and `masks`; return how many pictures.

    Every instance becomes a nucleus with a mask file of its own; masks may overlap. The layout has no void.
    Raises ValueError for an empty mask or a crowd, FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    count = 0
    with whole_folder(out) as draft:
        for count, sample in enumerate(samples, start=1):
            instances = sample.instances
            if instances.is_crowd is not None and instances.is_crowd.any():
                raise ValueError(
                    "is_crowd must be false for every instance in the layout of nuclei, which has no crowds"
                )
            home = draft / "stage1_train" / f"{count - 1:064x}"
            (home / "images").mkdir(parents=True)
            (home / "masks").mkdir()
            save_photo(sample.image, home / "images" / f"{home.name}.png")
            for number, mask in enumerate(instances.masks):
                if not mask.any():
                    raise ValueError(f"sample {count - 1}: mask {number} must be non-empty")
                save_numbers(mask.long() * 255, home / "masks" / f"{number:064x}.png")
    return count
