"""Pascal VOC: how scenes are written in its layout, and what its XML must say."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from data_scripts.check.voc_xml import check_voc_xml
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import object_map, save_numbers, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import CLASSES
from lessons_lib.data.sets.voc import VOC2007, VOC2012


def write_voc(samples: Iterable[Sample], classes: Sequence[str], out: Path | str, split: str = "train") -> int:
    """Write `out/VOCdevkit/VOC2012` and return how many images it holds.

    `classes[label]` is a label's name. The files in JPEGImages are named .jpg, as the format wants, and hold PNG data,
    so that the pixels survive exactly: decoders go by the content and not by the name.
    Raises ValueError for a crowd, which the format cannot express, for instances that overlap or that the label map
    contradicts, and for more than 254 instances; FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    with whole_folder(out) as draft:
        root = draft / "VOCdevkit" / "VOC2012"
        for folder in (
            "JPEGImages",
            "SegmentationClass",
            "SegmentationObject",
            "Annotations",
            "ImageSets/Segmentation",
        ):
            (root / folder).mkdir(parents=True)
        names = []
        for number, sample in enumerate(samples):
            name = f"scene_{number:06d}"
            try:
                _write_sample(sample, classes, root, name)
            except ValueError as error:
                raise ValueError(f"sample {number}: {error}") from None
            names.append(name)
        listing = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        listing.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return len(names)


def _write_sample(sample: Sample, classes: Sequence[str], root: Path, name: str) -> None:
    numbers = object_map(sample)
    save_photo(sample.image, root / "JPEGImages" / f"{name}.jpg")
    save_numbers(sample.label_map, root / "SegmentationClass" / f"{name}.png", palette=True)
    save_numbers(numbers, root / "SegmentationObject" / f"{name}.png", palette=True)
    annotation = _annotation(sample, classes, name)
    ElementTree.ElementTree(annotation).write(root / "Annotations" / f"{name}.xml", encoding="utf-8")


def _annotation(sample: Sample, classes: Sequence[str], name: str) -> ElementTree.Element:
    """The XML of an image: VOC counts pixels from 1 and includes the last, so x0 + 1, y0 + 1, x1, y1."""
    height, width = sample.label_map.shape
    root = ElementTree.Element("annotation")
    _add(root, {"folder": "VOC2012", "filename": f"{name}.jpg"})
    _add(ElementTree.SubElement(root, "size"), {"width": width, "height": height, "depth": 3})
    _add(root, {"segmented": 1})
    boxes = sample.instances.boxes.round().long().tolist()
    for (x0, y0, x1, y1), label in zip(boxes, sample.instances.labels.tolist(), strict=True):
        entry = ElementTree.SubElement(root, "object")
        _add(entry, {"name": classes[label], "pose": "Unspecified", "truncated": 0, "difficult": 0})
        _add(ElementTree.SubElement(entry, "bndbox"), {"xmin": x0 + 1, "ymin": y0 + 1, "xmax": x1, "ymax": y1})
    ElementTree.indent(root)
    return root


def _add(parent: ElementTree.Element, values: dict[str, object]) -> None:
    for tag, value in values.items():
        ElementTree.SubElement(parent, tag).text = str(value)


_EXPORT = Export(
    write=lambda samples, out, split: write_voc(samples, CLASSES, out, split),
    labels=SCENE_LABELS,
    reads_back=VOC2012,
    splits=("train", "val", "trainval"),
)


ENTRIES = (
    Entry(VOC2012, _EXPORT, check_samples=check_voc_xml),
    Entry(VOC2007, check_samples=check_voc_xml),
)
