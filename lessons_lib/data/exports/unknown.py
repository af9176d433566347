"""What is said of a folder in which no layout is recognised: what lies there, and what would help."""

from collections import Counter
from pathlib import Path

from lessons_lib.data.exports.photos import SUFFIXES
from lessons_lib.data.leftovers import listed

_ADVICE = {
    ".zip": "unpack the archive",
    ".tar": "unpack the archive",
    ".gz": "unpack the archive",
    ".tfrecord": "export as COCO JSON instead of TFRecord",
    ".mat": "export as COCO JSON instead of MATLAB files",
    ".heic": "save the images as JPEG or PNG",
    ".csv": "export as COCO JSON instead of CSV, which holds no masks",
}
"""What to do about files that nothing here reads, by how their names end."""


def seen_in(root: Path) -> str:
    """The files below a folder by kind, with the cure where there is one: "3 .jpg and 1 .zip: unpack the archive"."""
    counts = Counter(path.suffix.lower() or "without a suffix" for path in listed(root, "**/*") if path.is_file())
    if not counts:
        return f"no file: {root}"
    kinds = " and ".join(f"{count} {kind}" for kind, count in counts.most_common(4))
    cure = next((advice for end, advice in _ADVICE.items() if counts[end]), "")
    if not cure and set(counts) <= SUFFIXES:
        cure = "images alone, without masks: put these into a folder masks beside a folder images, under the same names"
    elif not cure and counts[".json"]:
        cure = "no JSON there is of COCO, labelme or VIA"
    return f"{kinds} in {root}{': ' * bool(cure)}{cure}"
