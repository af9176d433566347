"""A dataset in one object: its names, classes, splits and void, how to recognise a folder of it, and its reader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lessons_lib.data.class_table import ClassTable
from lessons_lib.data.folders import homes
from lessons_lib.data.leftovers import listed
from lessons_lib.data.sample import Samples


@dataclass(frozen=True)
class DatasetSpec:
    """One dataset. Each module of `lessons_lib/data/sets/` lists its own in `DATASETS`.

    Args:
        name: what `open_dataset` and the command line call it.
        reader: opens it: `reader(root, split)` returns a map-style dataset of `Sample`. A drawn set, which lies on no
            disk, takes `reader(split, size, preset)` instead.
        splits: the set's own names of its splits.
        classes: names and colours by label; None where the folder's own files say them, as in COCO.
        void: the values in the files that become void, 255, in the label map.
        signs: patterns below the root, any of which is enough to recognise the set.
        train, val: which of `splits` the course means by these two words.
        also: other names of the same set.
        variant_of: the set whose folders this one reads with other classes; "" for a set of its own.
        drawn: whether the program draws the samples, so that there is no root.
        recognises: of a layout that tools write for anybody's images, in place of signs: whether a folder holds it, by
            what its files hold. Such a layout counts only where a folder is no published set.
    """

    name: str
    reader: Callable[..., Samples]
    splits: tuple[str, ...]
    classes: ClassTable | None
    void: tuple[int, ...] = ()
    signs: tuple[str, ...] = ()
    train: str = "train"
    val: str = "val"
    also: tuple[str, ...] = ()
    variant_of: str = ""
    drawn: bool = False
    recognises: Callable[[Path], bool] | None = None

    def own_split(self, split: str) -> str:
        """The set's own name of a split: what it calls "train" and "val", and any other as it is."""
        return {"train": self.train, "val": self.val}.get(split, split)

    def is_in(self, root: Path) -> bool:
        """Whether a folder looks like this set, or like one of the folders that its signs name on the way down."""
        if self.recognises is not None:
            return self.recognises(root)
        for sign in self.signs:
            *folders, last = Path(sign).parts
            if any(listed(home, last) for home in homes(root, (str(Path(*folders)),))):
                return True
            if not folders and last == root.absolute().name:
                return True
        return False

    def parts(self) -> tuple[str, ...]:
        """The splits that together are the set, each sample once: without the unions of others."""
        if "all" in self.splits:
            return ("all",)
        return tuple(split for split in self.splits if split not in ("trainval", "train_noval"))
