"""The photographs below a folder, found by what an annotation file calls them, whoever moved or renamed what."""

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from lessons_lib.data.leftovers import listed

SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})
"""Ends of names that photographs have, in lower case."""


IMAGES = frozenset(
    [
        "images",
        "image",
        "imgs",
        "img",
        "photos",
        "photo",
        "pictures",
        "jpegimages",
        "input",
        "inputs",
        "x",
        "rgb",
        "original",
        "originals",
    ]
)
MASKS = frozenset(
    [
        "masks",
        "mask",
        "labels",
        "label",
        "annotations",
        "annotation",
        "gt",
        "groundtruth",
        "ground_truth",
        "segmentations",
        "segmentation",
        "seg",
        "labelmaps",
        "targets",
        "target",
        "y",
        "pngmasks",
    ]
)
"""What people call the two folders, in small letters."""


def is_image(path: Path) -> bool:
    """Whether the name of a file is that of an image."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def key(name: str) -> str:
    """A name as it is compared: capitals, and the two ways to write an umlaut, make no difference."""
    return unicodedata.normalize("NFC", name).casefold()


def plain_path(named: str) -> PurePosixPath:
    """What a file calls an image, with forward slashes; exports from Windows have the other ones."""
    return PurePosixPath(named.strip().replace("\\", "/"))


@dataclass(frozen=True)
class Photo:
    """A photograph, or where it should be; `fault` says why it is not clear, or not there."""

    path: Path
    fault: str = ""


class Photos:
    """All images below a folder, by name."""

    def __init__(self, root: Path):
        self.files = [path for path in listed(root, "**/*") if is_image(path)]
        self._by_name, self._by_stem = defaultdict(list), defaultdict(list)
        for path in self.files:
            self._by_name[key(path.name)].append(path)
            self._by_stem[key(path.stem)].append(path)

    def called(self, stem: str) -> list[Path]:
        """All images of a name without its suffix."""
        return self._by_stem.get(key(stem), [])

    def find(self, named: str, file: Path) -> Photo:
        """The photograph that `file` calls `named`: a name, a path, also one of another machine.

        Of several images with that name the one is taken whose folders agree best with the path, then with the folder
        of `file`, then one in a folder of images before one in a folder of masks. Another suffix, other capitals and
        %20 for a space are no hindrance.
        """
        wanted = plain_path(named)
        found = self._by_name.get(key(wanted.name)) or self._by_name.get(key(unquote(wanted.name)))
        found = found or self._by_stem.get(key(wanted.stem)) or self._by_stem.get(key(unquote(wanted.stem))) or []
        if not found:
            return Photo(file.parent / wanted.name, f"is not there, though {file.name} names it")
        ranks = {path: (_agreeing(path, wanted), _shared(path, file)) for path in found}
        best = [path for path in found if ranks[path] == max(ranks.values())]
        if len(best) > 1:
            others = " and ".join(str(path) for path in best[:2])
            return Photo(best[0], f"must be one file that {file.name} calls {named!r}, got {others}")
        return Photo(best[0])


def _agreeing(path: Path, wanted: PurePosixPath) -> int:
    """How many folders above the file are called as the wanted path says, from the file upward."""
    count = 0
    for mine, theirs in zip(reversed(path.parent.parts), reversed(wanted.parent.parts), strict=False):
        if key(mine) != key(theirs):
            break
        count += 1
    return count


def _shared(path: Path, file: Path) -> tuple[int, int, int]:
    """How many folders two files share from the top, whether the first lies among images, how few lie between."""
    count = 0
    for mine, theirs in zip(path.parent.parts, file.parent.parts, strict=False):
        if mine != theirs:
            break
        count += 1
    inner = {key(part) for part in path.parent.parts[count:]}
    return count, bool(inner & IMAGES) - bool(inner & MASKS), -len(path.parts)
