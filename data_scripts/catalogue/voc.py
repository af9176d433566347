"""Pascal VOC: where VOC 2012 comes from, how scenes are written in its layout, and what its XML must say."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from torch.utils.data import Dataset

from data_scripts.check.findings import Report
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import object_map, save_numbers, save_photo
from data_scripts.export.relabel import SCENE_LABELS
from data_scripts.fetch.remote import Download, RemoteFile
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.files import DamagedFile, open_picture
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import CLASSES
from lessons_lib.data.sets.voc import VOC2007, VOC2012

VOC_SITE = "https://thor.robots.ox.ac.uk/pascal/VOC"
VOC_OLD_SITE = "http://host.robots.ox.ac.uk/pascal/VOC"
VOC_TERMS = "Flickr's terms of use"
_VOC_CITATION = (
    "Everingham, Eslami, Van Gool, Williams, Winn, Zisserman: The Pascal Visual Object Classes Challenge: "
    "A Retrospective. IJCV 111, 2015"
)
DOWNLOAD = Download(
    name=VOC2012.name,
    title="Pascal VOC 2012",
    classes="20 + background",
    splits={"train": 1464, "val": 1449},
    licence=VOC_TERMS,
    page="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    citation=_VOC_CITATION,
    notes=("the masks of the 1,456 test pictures are kept on the organisers' server",),
    files=(
        RemoteFile(
            name="VOCtrainval_11-May-2012.tar",
            urls=(
                f"{VOC_SITE}/voc2012/VOCtrainval_11-May-2012.tar",
                f"{VOC_OLD_SITE}/voc2012/VOCtrainval_11-May-2012.tar",
                "https://data.pjreddie.com/files/VOCtrainval_11-May-2012.tar",
            ),
            size=1_999_639_040,
            checksum="md5:6cd6e144f989b92b3379bac3b3de84fd",
            gives=(
                ("VOCdevkit/VOC2012/JPEGImages/*.jpg", None),
                ("VOCdevkit/VOC2012/SegmentationClass/*.png", 2913),
                ("VOCdevkit/VOC2012/SegmentationObject/*.png", 2913),
                ("VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt", 1),
            ),
        ),
    ),
)


def write_voc(samples: Iterable[Sample], classes: Sequence[str], out: Path | str, split: str = "train") -> int:
    """Write `out/VOCdevkit/VOC2012` and return how many pictures it holds.

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
    """The XML of a picture: VOC counts pixels from 1 and includes the last, so x0 + 1, y0 + 1, x1, y1."""
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


def check_voc_xml(samples: Dataset, report: Report) -> None:
    """Note what is wrong with the boxes in Annotations/<name>.xml, for the pictures of a split that have the file."""
    for index in range(len(samples)):
        photo = samples.paths(index)[0]
        file = photo.parent.parent / "Annotations" / f"{photo.stem}.xml"
        if not file.is_file():
            continue
        try:
            root = ElementTree.parse(file).getroot()
        except ElementTree.ParseError as error:
            report.add("broken file", file, "", f"cannot be read as XML: {error}")
            continue
        stated = tuple(_number(root, f"size/{side}") for side in ("width", "height"))
        if photo.is_file() and stated != (size := _size(photo)) and size is not None:
            report.add("wrong size", file, "size", f"must be that of the photograph, {size}, got {stated}")
        for number, entry in enumerate(root.iter("object"), start=1):
            if not (entry.findtext("name") or "").strip():
                report.add("unknown label", file, f"object {number}, name", "must name a class, got nothing")
            box = [_number(entry, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
            if None in box or box[0] > box[2] or box[1] > box[3]:
                what = f"must be numbers with xmin ≤ xmax and ymin ≤ ymax, got {box}"
                report.add("broken annotation", file, f"object {number}, bndbox", what)
            elif None not in stated and (min(box[:2]) < 1 or box[2] > stated[0] or box[3] > stated[1]):
                what = f"must lie in pixels 1 to {stated[0]}, 1 to {stated[1]}, got {box}"
                report.add("box outside", file, f"object {number}, bndbox", what)


def _number(entry: ElementTree.Element, path: str) -> float | None:
    try:
        return float(entry.findtext(path) or "")
    except ValueError:
        return None


def _size(photo: Path) -> tuple[int, int] | None:
    """Width and height of a picture, None where it cannot be read, which is noted elsewhere."""
    try:
        return open_picture(photo).size
    except DamagedFile:
        return None


_EXPORT = Export(
    write=lambda samples, out, split: write_voc(samples, CLASSES, out, split),
    labels=SCENE_LABELS,
    reads_back=VOC2012,
    splits=("train", "val", "trainval"),
)
ENTRIES = (
    Entry(VOC2012, DOWNLOAD, _EXPORT, check_samples=check_voc_xml),
    Entry(VOC2007, check_samples=check_voc_xml),
)
