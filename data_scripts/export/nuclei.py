"""Nuclei of the Data Science Bowl 2018: how scenes are written in their layout."""

from collections.abc import Iterable
from pathlib import Path

from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import masks_in, save_numbers, save_photo
from data_scripts.export.relabel import ONE_KIND
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import Sample
from lessons_lib.data.sets.nuclei import NUCLEI


def write_nuclei(samples: Iterable[Sample], out: Path | str) -> int:
    """Write `out/stage1_train/<id>/images` and `masks`; return how many images.

    Every instance becomes a nucleus with a mask file of its own; masks may overlap. The layout has no void.
    Raises ValueError for an image without objects, which the set does not have, for an empty mask or a crowd;
    FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    count = 0
    with whole_folder(out) as draft:
        for count, sample in enumerate(samples, start=1):
            instances = sample.instances
            if instances.is_crowd is not None and instances.is_crowd.any():
                raise ValueError(
                    "is_crowd must be false for every instance in the layout of nuclei, which has no crowds"
                )
            if len(instances) == 0:
                raise ValueError(f"sample {count - 1}: instances must hold at least 1 nucleus, got 0")
            home = draft / "stage1_train" / f"{count - 1:064x}"
            (home / "images").mkdir(parents=True)
            (home / "masks").mkdir()
            save_photo(sample.image, home / "images" / f"{home.name}.png")
            for number, mask in enumerate(masks_in(sample)):
                if not mask.any():
                    raise ValueError(f"sample {count - 1}: mask {number} must be non-empty")
                save_numbers(mask.long() * 255, home / "masks" / f"{number:064x}.png")
    return count


_EXPORT = Export(write=write_nuclei, labels=ONE_KIND, reads_back=NUCLEI)


ENTRIES = (Entry(NUCLEI, _EXPORT),)
