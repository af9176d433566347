"""VOC's XML files without maps: boxes, as detection tools export them, and polygons where a tool adds them."""

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path
from lessons_lib.data.exports.photos import Photos
from lessons_lib.data.exports.reader import ExportSamples, Found, Item, ordered_classes
from lessons_lib.data.exports.shapes import Shape
from lessons_lib.data.exports.texts import any_holding, holding
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.leftovers import listed
from lessons_lib.data.sets.coco_entries import is_number
from lessons_lib.data.spec import DatasetSpec

SIGNS = ("<annotation", "<object>", "<bndbox>")
"""What stands in a file with an object; where one is, the others beside it are read too."""


class VocXmlSamples(ExportSamples):
    """An XML for each photograph, beside it or in another folder, as Pascal VOC, Roboflow and supervision write it.

    A box from xmin to xmax covers both of these pixels, counted from 1. An object with a polygon (x1, y1, x2, y2, …, as
    supervision writes it) has a mask. Classes are ordered by name. Source: the VOC2012 development kit, section 8.
    """

    def find(self, root: Path) -> Found:
        """Every XML that is an annotation."""
        homes = {file.parent for file in holding(root, (".xml",), SIGNS)}
        if not homes:
            raise FileNotFoundError(f"root must hold XML files of VOC, with annotation, object and bndbox: {root}")
        files = [file for folder in sorted(homes) for file in listed(folder) if file.suffix.lower() == ".xml"]
        photos = Photos(root)
        items = [_item(file, root, photos) for file in files]
        return Found(ordered_classes(shape.name for item in items for shape in item.shapes), tuple(items))


def _item(file: Path, root: Path, photos: Photos) -> Item:
    split = split_of_path(file, root)
    try:
        top = ElementTree.parse(file).getroot()
        size = (_integer(top, "size/height", file), _integer(top, "size/width", file))
        objects = enumerate(top.iter("object"), start=1)
        shapes = tuple(_shape(entry, file, f"object {number}") for number, entry in objects)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        reason = str(error) if isinstance(error, DamagedFile) else f"{file}: cannot be read as XML: {error}"
        photo = photos.find(file.stem, file)
        return Item(photo.path, file, split=split, fault=f"cannot be labelled by {reason}")
    photo = photos.find(file.stem, file)  # tools leave other names in the file where images are renamed
    if photo.fault:
        photo = photos.find(top.findtext("filename") or file.stem, file)
    stated = size if min(size) > 0 else None
    return Item(photo.path, file, shapes, stated, "size", split or split_of_path(photo.path, root), fault=photo.fault)


def _shape(entry: Element, file: Path, place: str) -> Shape:
    name = (entry.findtext("name") or "").strip()
    if not name:
        raise DamagedFile(file, "must name a class, got nothing", f"{place}, name", "unknown label")
    numbers = [_number(entry, f"bndbox/{side}", file, place) for side in ("xmin", "ymin", "xmax", "ymax")]
    x0, y0, x1, y1 = numbers
    if x0 > x1 or y0 > y1:
        reason = f"must have xmin ≤ xmax and ymin ≤ ymax, got {numbers}"
        raise DamagedFile(file, reason, f"{place}, bndbox", "broken annotation")
    corners = entry.find("polygon")
    values = [_number(corners, value.tag, file, place) for value in corners] if corners is not None else []
    polygon = [[value - 1 for value in values]] if values else None
    return Shape(name, place, polygon, box=(x0 - 1, y0 - 1, x1, y1))


def _number(entry: Element, path: str, file: Path, place: str) -> float:
    text = entry.findtext(path)
    try:
        value = float(text or "")
        if is_number(value):
            return value
    except ValueError:
        pass
    reason = f"must be a number, got {'nothing' if text is None else repr(text)}"
    raise DamagedFile(file, reason, f"{place}, {path}", "broken annotation")


def _integer(top: Element, path: str, file: Path) -> int:
    """A side of the image; 0 where the file does not say it."""
    return round(_number(top, path, file, "annotation")) if (top.findtext(path) or "").strip() else 0


VOC_XML = DatasetSpec(
    name="voc_xml",
    reader=VocXmlSamples,
    splits=SPLITS,
    classes=None,
    recognises=lambda root: any_holding(root, (".xml",), SIGNS),
)
DATASETS = (VOC_XML,)
