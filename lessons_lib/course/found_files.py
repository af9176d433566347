"""What predict writes of a folder of images: drawings, COCO's JSON, label maps, and files that labelme opens."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.atomic import whole_file, writable_folder, write_whole
from lessons_lib.course.plotting import draw_instances, draw_label_map
from lessons_lib.data.predictions import (
    CocoFile,
    labelmap_text,
    labelme_record,
    labelme_shapes,
    palette_image,
    regions_of,
)
from lessons_lib.data.sample import Instances
from lessons_lib.training.own_size import Seen
from lessons_lib.training.tasks import images_in_words

DRAWN = 900
"""The longer side of a drawing is at most so many pixels of the image."""


class Row(NamedTuple):
    """One object, or all pixels of one class, of an image; what is not known is None."""

    name: str
    score: float | None
    box: list[float]
    area: int | None
    share: float


class FoundFiles:
    """A folder of predictions in the layout of CVAT's exports, so that tools and this course's readers open it again.

    images/NAME (a hard link where the disk allows it, else a copy), annotations/instances_found.json (COCO),
    SegmentationClass/NAME.png with labelmap.txt, labelme/NAME.json, and the drawings in drawn/NAME.png. Of objects
    only those with at least `confidence` are written; of boxes alone there are no label maps.
    """

    def __init__(self, folder: Path, classes: Sequence[str], confidence: float):
        self.folder, self.classes, self.confidence = folder, list(classes), confidence
        self.coco = CocoFile(classes)
        self.stems: set[str] = set()
        writable_folder(folder)

    def write(self, name: str, path: Path, image: Tensor, seen: Seen) -> list[Row]:
        """The files of one image, whose file is `path`; what was found in it, at its own size."""
        stem = Path(name).with_suffix("").as_posix()
        if stem in self.stems:  # 1.jpg and 1.png
            stem = name.replace(".", "_")
        while stem in self.stems:  # and 1_png.jpg
            stem += "_"
        self.stems.add(stem)
        _link(path, self._at("images", name))
        self.coco.add_image(name, seen.size)
        rows, shapes = [], []
        labels = torch.zeros(seen.size, dtype=torch.int64)
        for found in self._objects(seen):
            self.coco.add_objects(found)
            shapes += labelme_shapes(found, self.classes)
            rows.append(self._row(found, seen.size))
            if found.masks is not None:
                labels[found.masks[0]] = found.labels[0]
        if isinstance(seen.answer, Tensor) or seen.answer.masks is not None:
            with whole_file(self._at("SegmentationClass", f"{stem}.png")) as part:
                palette_image(labels).save(part, format="PNG")
        file = self._at("labelme", f"{stem}.json")
        there = Path(os.path.relpath(self.folder / "images" / name, file.parent)).as_posix()
        write_whole(file, json.dumps(labelme_record(there, seen.size, shapes), ensure_ascii=False) + "\n")
        self._draw(image, seen, self._at("drawn", f"{stem}.png"))
        return rows

    def finish(self) -> None:
        """The files of the whole folder."""
        text = json.dumps(self.coco.record, ensure_ascii=False)
        write_whole(self._at("annotations", "instances_found.json"), text + "\n")
        write_whole(self.folder / "labelmap.txt", labelmap_text(self.classes))

    def table(self, rows: Sequence[Row]) -> str:
        """What was found in an image as text: its objects with their boxes, or the classes by their share of it."""
        width = max([len(row.name) for row in rows], default=0)
        lines = [self.gist(rows)]
        for row in sorted(rows, key=lambda row: -(row.score or 0)):
            x0, y0, x1, y1 = row.box
            area = "" if row.area is None else f", {row.area} pixels"
            place = f"x {x0:.0f} to {x1:.0f}, y {y0:.0f} to {y1:.0f}{area}"
            lines.append(f"  {row.name:<{width}}  " + (f"{row.score:.3f}  {place}" if row.score is not None else place))
        return "\n".join(lines)

    def gist(self, rows: Sequence[Row]) -> str:
        """The same in one line."""
        if any(row.score is None for row in rows) or not rows:
            shares = sorted(((row.share, row.name) for row in rows), reverse=True)
            return ", ".join(f"{name} {share:.0%}" for share, name in shares) or f"nothing but {self.classes[0]}"
        names = Counter(row.name for row in rows)
        counted = ", ".join(f"{count} {name}" for name, count in names.most_common())
        plural = "" if len(rows) == 1 else "s"
        return f"{len(rows)} object{plural} with a confidence of at least {self.confidence:g}: {counted}"

    def report(self, skipped: int) -> str:
        """What was written where, in two lines."""
        count = images_in_words(len(self.coco.record["images"]))
        more = f", {images_in_words(skipped)} skipped" if skipped else ""
        return (
            f"{count} predicted{more}\nin {self.folder}: drawn/, images/ with annotations/ (COCO), labelme/, label maps"
        )

    def _at(self, *parts: str) -> Path:
        """A file in the folder, whose own folder is there afterwards."""
        file = self.folder.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def _sure(self, found: Instances) -> Tensor:
        """The positions of the objects that are confident enough, the largest first, so that small ones lie on top."""
        sure = torch.arange(len(found)) if found.scores is None else (found.scores >= self.confidence).nonzero()[:, 0]
        sides = found.boxes[sure, 2:] - found.boxes[sure, :2]
        return sure[sides.prod(1).argsort(descending=True, stable=True)]

    def _objects(self, seen: Seen) -> Iterator[Instances]:
        """One object after another at the image's own size, since all their masks would need too much memory."""
        if isinstance(seen.answer, Tensor):
            yield from regions_of(seen.answer)
            return
        for position in self._sure(seen.answer).tolist():
            found = seen.at(seen.size, slice(position, position + 1))
            assert isinstance(found, Instances)
            yield found

    def _row(self, found: Instances, size: tuple[int, int]) -> Row:
        area = None if found.masks is None else int(found.masks.sum())
        score = None if found.scores is None else found.scores[0].item()
        share = (area or 0) / (size[0] * size[1])
        return Row(self.classes[int(found.labels[0])], score, found.boxes[0].tolist(), area, share)

    def _draw(self, image: Tensor, seen: Seen, file: Path) -> None:
        """The image with what was found drawn over it, as a PNG file."""
        factor = min(1.0, DRAWN / max(seen.size))
        height, width = (max(1, round(side * factor)) for side in seen.size)
        if factor < 1:
            image = F.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0]
        figure = Figure(figsize=(8, max(2.0, 8 * height / width)), layout="constrained")
        ax = figure.subplots()
        ax.set_axis_off()
        if isinstance(seen.answer, Instances):
            sure = self._sure(seen.answer)
            found = seen.at((height, width), sure)
            assert isinstance(found, Instances)
            draw_instances(ax, image, found, self.classes)
        else:
            labels = seen.at((height, width))
            assert isinstance(labels, Tensor)
            draw_label_map(ax, labels, self.classes)
        with whole_file(file) as part:
            figure.savefig(part, format="png", dpi=120)


def _link(source: Path, target: Path) -> None:
    """The image beside its annotations: a second name of the same file, or a copy where that cannot be."""
    if target.exists() and target.samefile(source):
        return
    target.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
