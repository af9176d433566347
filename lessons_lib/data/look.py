"""A look at a dataset before training: classes, sizes and splits are counted, and what is wrong is listed."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lessons_lib.data.exports.given_splits import SPLITS
from lessons_lib.data.files import DamagedFile, orientation
from lessons_lib.data.near import Near, Print, fingerprint, near_duplicates
from lessons_lib.data.open import recognised, spec_of
from lessons_lib.data.sample import VOID, Sample, Samples
from lessons_lib.data.spec import DatasetSpec
from lessons_lib.ops.boxes import box_areas

UNIONS = ("all", "trainval", "train_noval")
"""Splits that hold images of others."""

OUTSIDE = 1.0
"""Pixels by which a box may leave its image, as tools round."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an image or a class: `kind` sorts it, `what` says it in a sentence.

    `split` and `name` say which image; `name` is the class for the kinds "missing class" and "similar names".
    """

    kind: str
    split: str
    name: str
    what: str

    def line(self) -> str:
        """The fault on one line."""
        return f"{self.kind}: {self.split} {self.name}: {self.what}".replace(":  ", ": ")


@dataclass
class Look:
    """What a folder holds.

    layout: its name; also: other layouts that its files look like; chosen: whether it was named. classes: from the
    background on. splits: images of each; splits_made: by a hash of their names, since none are given. objects: class →
    split → objects, or, where there are no objects, images that show the class. areas: class → the areas of its objects
    as shares of their image. sizes: (height, width) → images. empty: images in which nothing is labelled. damaged:
    images that cannot be read. lacks, notes: see `ExportSamples`. opened: the samples of each split. prints: of every
    whole image, by split.
    """

    layout: str
    also: tuple[str, ...]
    classes: tuple[str, ...] = ()
    splits: dict[str, int] = field(default_factory=dict)
    splits_made: bool = False
    objects: dict[str, dict[str, int]] = field(default_factory=dict)
    areas: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    sizes: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    empty: int = 0
    damaged: int = 0
    chosen: bool = False
    lacks: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    faults: list[Fault] = field(default_factory=list)
    opened: dict[str, Any] = field(default_factory=dict)
    prints: dict[str, list[tuple[str, Print]]] = field(default_factory=lambda: defaultdict(list))


def look_at(root: Path | str, name: str = "auto", progress: Callable[[Any], Any] = iter) -> Look:
    """Open every split of the set in a folder, read every sample once, and count.

    `progress` wraps the numbers of images, for a bar. Raises as `open_dataset` does; a damaged image is no error, it is
    listed among the faults.
    """
    root = Path(root)
    specs = recognised(root) if name == "auto" else [spec_of(name)]
    if specs[0].drawn:
        raise ValueError(f"data must be a set that lies in a folder, got {name}, which are drawn")
    look = Look(specs[0].name, tuple(spec.name for spec in specs[1:]), chosen=name != "auto")
    look.opened = _open(specs[0], root)
    for split, samples in look.opened.items():
        look.classes, look.splits[split] = tuple(samples.classes), len(samples)
        look.splits_made |= getattr(samples, "splits_made", False)
        look.notes = tuple(getattr(samples, "notes", ()))
        look.lacks = dict(getattr(samples, "lacks", {}))
        for index in progress(range(len(samples))):
            look.faults += _look_at_one(look, split, samples, index)
    look.faults += [_leak(pair) for pair in near_duplicates(look.prints)]
    look.faults += _faults_of_classes(look)
    return look


def _open(spec: DatasetSpec, root: Path) -> dict[str, Any]:
    """The samples of each split that is there, called "train" and "val" where the set means these by another name."""
    opened: dict[str, Any] = {}
    words = {spec.own_split(word): word for word in reversed(SPLITS)}  # SUN RGB-D has "test" for "val"
    for split in spec.splits:
        if split in UNIONS:
            continue
        try:
            opened[words.get(split, split)] = spec.reader(root, split)
        except FileNotFoundError as error:
            missing = error
    if not opened:
        raise missing
    return opened


def _look_at_one(look: Look, split: str, samples: Any, index: int) -> list[Fault]:
    """Count one image; what is wrong with it."""
    name = samples.names[index]
    try:
        sample = samples[index]
    except DamagedFile as error:
        look.damaged += 1
        return [Fault(error.kind, split, name, str(error))]
    look.prints[split].append((name, fingerprint(sample.image)))
    height, width = sample.label_map.shape
    look.sizes[height, width] += 1
    labels = _labels(sample, "masks" in look.lacks and len(sample.instances) == 0)
    look.empty += not labels
    for label in labels:
        counts = look.objects.setdefault(look.classes[label], {})
        counts[split] = counts.get(split, 0) + 1
    for label, area in _areas(sample):
        look.areas[look.classes[label]].append(area / (height * width))
    return [Fault(kind, split, name, what) for kind, what in faults_of(samples, index, sample)]


def _labels(sample: Sample, by_pixels: bool) -> list[int]:
    """The class of each object, or each class that the label map shows."""
    if by_pixels:
        return [label for label in sample.label_map.unique().tolist() if label not in (0, VOID)]
    return sample.instances.labels.tolist()


def _areas(sample: Sample) -> Iterator[tuple[int, float]]:
    """The class and area in pixels of each object; of each class where there are none."""
    instances = sample.instances
    if len(instances):
        areas = box_areas(instances.boxes) if instances.masks is None else instances.masks.flatten(1).sum(1)
        yield from zip(instances.labels.tolist(), areas.tolist(), strict=True)
        return
    counts = torch.bincount(sample.label_map.flatten(), minlength=VOID + 1).tolist()
    yield from ((label, count) for label, count in enumerate(counts) if count and label not in (0, VOID))


def faults_of(samples: Samples, index: int, sample: Sample) -> Iterator[tuple[str, str]]:
    """The kind and the words of what is odd in a sample that can be read: turned photographs, objects without a pixel,
    boxes outside the image, objects that are there twice."""
    if (turned := orientation(samples.paths(index)[0])) != 1:  # type: ignore[attr-defined]
        what = f"asks to be turned (EXIF orientation {turned}); its masks must lie on the pixels as they are stored"
        yield "turned photograph", what
    items = getattr(samples, "items", None)
    if items is not None and (lost := len(items[index].shapes) - len(sample.instances)) > 0:
        yield "empty object", f"{lost} of {len(items[index].shapes)} objects cover no pixel and are left out"
    height, width = sample.label_map.shape
    for x0, y0, x1, y1 in sample.instances.boxes.tolist():
        if min(x0, y0) < -OUTSIDE or x1 > width + OUTSIDE or y1 > height + OUTSIDE:
            yield "box outside", f"a box reaches {x0:.0f}, {y0:.0f} to {x1:.0f}, {y1:.0f} of {width} × {height} pixels"
    masks = sample.instances.masks
    if masks is not None and len(masks) > 1:
        seen = {
            (label, mask.numpy().tobytes()) for label, mask in zip(sample.instances.labels.tolist(), masks, strict=True)
        }
        if len(seen) < len(masks):
            yield (
                "duplicate object",
                f"{len(masks) - len(seen)} of {len(masks)} objects are there twice, pixel by pixel",
            )


def _leak(pair: Near) -> Fault:
    what = f"is almost the same image as {pair.other_split} {pair.other_name}, so that scores there are too good"
    return Fault("near duplicate", pair.split, pair.name, what)


def _faults_of_classes(look: Look) -> list[Fault]:
    """Classes that cannot be learned or scored, and names that differ by capitals or spaces alone."""
    faults = []
    for name in look.classes[1:]:
        counts = look.objects.get(name, {})
        if not counts:
            faults.append(Fault("missing class", "", name, "no image has it"))
        elif "train" in look.splits and not counts.get("train"):
            faults.append(
                Fault("missing class", "train", name, f"only {' and '.join(counts)} has it, so nothing learns it")
            )
        elif "val" in look.splits and not counts.get("val"):
            faults.append(Fault("missing class", "val", name, "only train has it, so that it is not scored"))
    known: dict[str, str] = {}
    for name in look.classes[1:]:
        plain = "".join(letter for letter in name.casefold() if letter.isalnum())
        if plain in known and plain:
            faults.append(Fault("similar names", "", name, f"is a class beside {known[plain]!r}: are they one?"))
        known.setdefault(plain, name)
    return faults
