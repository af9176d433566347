"""YOLO's segmentation layout: a text file for each image, one polygon a line, in shares of width and height."""

from pathlib import Path
from typing import Any

import yaml

from lessons_lib.data.exports.given_splits import SPLITS, split_of_path, split_of_word
from lessons_lib.data.exports.photos import is_image, key
from lessons_lib.data.exports.reader import ExportSamples, Found, Item
from lessons_lib.data.exports.shapes import Shape
from lessons_lib.data.exports.texts import names_in, read_lines, refuse_twice
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.leftovers import listed
from lessons_lib.data.sets.coco_entries import shown
from lessons_lib.data.spec import DatasetSpec

SLACK = 0.01
"""By how much a coordinate may leave [0, 1], as tools round."""

LISTS = ("classes.txt", "obj.names", "labels.txt")
"""Files of names, one a line, of folders without a data.yaml."""

NO_LABELS = frozenset(
    {*LISTS, "notes.txt", "readme.txt", "readme.dataset.txt", "readme.roboflow.txt", "requirements.txt"}
)


class YoloSamples(ExportSamples):
    """YOLO labels below the root: `labels/<path>.txt` for `images/<path>.jpg`, or both in one folder.

    A line is a class number and x y x y …, at least three corners, or x y width height of a box's centre and size. An
    image without a text file has no objects. Names come from data.yaml (a list, or numbers with names), else
    classes.txt or obj.names. Splits are the folders', else those that data.yaml says. Source: Ultralytics,
    "Instance Segmentation Datasets Overview".
    """

    def find(self, root: Path) -> Found:
        """Every image beside which, or beside whose folder, label files lie."""
        labels = label_files(root)
        settings = _settings(root)
        if not labels:
            raise FileNotFoundError(f"root must hold label files of YOLO, labels/*.txt with numbers: {root}")
        names, where = _names(root, settings)
        photos = {_pair_key(path, root): path for path in listed(root, "**/*") if is_image(path)}
        texts = {_pair_key(path, root): path for path in labels}
        homes = {pair[0] for pair in texts}
        items, highest = [], -1
        for pair in sorted(set(texts) | {pair for pair in photos if pair[0] in homes}):
            text, photo = texts.get(pair), photos.get(pair)
            fault = ""
            if photo is None and text is not None:
                photo, fault = (
                    _photo_for(text),
                    f"is not there, nor beside {text.name}, which labels it",
                )
            shapes: tuple[Shape, ...] = ()
            number = -1
            if text is not None and text.stat().st_size:  # an empty one says that there are no objects
                try:
                    shapes, number = _shapes(text, names, where)
                except DamagedFile as error:
                    fault = fault or f"cannot be labelled by {error}"
            highest = max(highest, number)
            assert photo is not None  # one of the two is there
            split = split_of_path(text or photo, root) or _listed_split(photo, root, settings)
            items.append(Item(photo, text or photo, shapes, split=split, fault=fault))
        notes = () if names else (f"no data.yaml or classes.txt names the classes, so they are {where} 0 to {highest}",)
        return Found(tuple(names or (f"class {number}" for number in range(highest + 1))), tuple(items), notes)


def _photo_for(text: Path) -> Path:
    """Where the photograph of a label file should be."""
    folder = Path(*("images" if key(part) == "labels" else part for part in text.parent.parts))
    return folder / f"{text.stem}.jpg"


def label_files(root: Path) -> list[Path]:
    """The text files whose first line is a class number and coordinates, or which are empty beside such ones."""
    texts = [path for path in listed(root, "**/*") if path.suffix.lower() == ".txt" and path.is_file()]
    texts = [path for path in texts if path.name.lower() not in NO_LABELS]
    homes = {path.parent for path in texts if _in_labels(path, root) or _is_label(path)}
    return [path for path in texts if path.parent in homes and (_in_labels(path, root) or _is_label(path))]


def _in_labels(path: Path, root: Path) -> bool:
    """Whether a file lies in a folder labels, however deep."""
    return "labels" in map(key, path.parent.relative_to(root).parts)


def _is_label(path: Path) -> bool:
    with path.open("rb") as file:
        words = file.readline().decode("utf-8-sig", "replace").split()
    try:
        return len(words) >= 5 and words[0].isdecimal() and all(abs(float(word)) <= 2 for word in words[1:])
    except ValueError:
        return False


def _pair_key(path: Path, root: Path) -> tuple[str, str]:
    """What an image and its label file have in common: their folders without images and labels, and their stem."""
    parts = [key(part) for part in path.parent.relative_to(root).parts]
    return "/".join(part for part in parts if part not in ("images", "labels")), key(path.stem)


def _settings(root: Path) -> dict[str, Any]:
    """The content of the data.yaml nearest to the root, and where it lies; nothing where there is none."""
    files = [path for path in listed(root, "**/*") if path.suffix.lower() in (".yaml", ".yml") and path.is_file()]
    for file in sorted(files, key=lambda path: (len(path.parts), path.name.lower() != "data.yaml", str(path))):
        try:
            text = "\n".join(file.read_text("utf-8-sig").splitlines())
            content = yaml.load(text, Loader=yaml.BaseLoader)  # where a class may be called no, and is no False
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise DamagedFile(file, f"cannot be read as YAML: {' '.join(str(error).split())}") from error
        if isinstance(content, dict) and "names" in content:
            return content | {"file": file}
    return {}


def _names(root: Path, settings: dict[str, Any]) -> tuple[list[str], str]:
    """The classes by number, none where no file says them, and the file that does."""
    if settings:
        names, file = settings["names"], settings["file"]
        if isinstance(names, dict):
            numbers = sorted(names, key=lambda number: int(number) if str(number).isdecimal() else -1)
            if [str(number) for number in numbers] != [str(number) for number in range(len(names))]:
                raise DamagedFile(file, f"must number the classes from 0 without gaps, got {', '.join(names)}", "names")
            names = [names[number] for number in numbers]
        if not isinstance(names, list) or not names:
            raise DamagedFile(file, f"must be a list of classes, got {shown(names)}", "names")
        names = [str(name).strip() for name in names]
        refuse_twice(names, file, "names")
        return names, file.name
    found = names_in(root, *LISTS)
    if found:
        refuse_twice(found[1], found[0])
    return (found[1], found[0].name) if found else ([], "class")


def _shapes(file: Path, names: list[str], where: str) -> tuple[tuple[Shape, ...], int]:
    """The objects of a label file, and the highest class number."""
    shapes, highest = [], -1
    for number, line in enumerate(read_lines(file), start=1):
        if not line:
            continue
        place, words = f"line {number}", line.split()
        try:
            label, values = int(words[0]), [float(word) for word in words[1:]]
        except ValueError as error:
            raise DamagedFile(file, f"must be numbers, got {line[:40]!r}", place, "broken annotation") from error
        if len(values) != 4 and (len(values) < 6 or len(values) % 2):
            wanted = "a class and x y for ≥ 3 corners, or x y width height"
            raise DamagedFile(file, f"must hold {wanted}, got {len(words)} numbers", place, "broken annotation")
        if not all(-SLACK <= value <= 1 + SLACK for value in values):
            wrong = next(value for value in values if not -SLACK <= value <= 1 + SLACK)
            reason = f"must be shares of the image in [0, 1], got {wrong:g}: divide by its width and height"
            raise DamagedFile(file, reason, place, "broken annotation")
        if label < 0 or (names and label >= len(names)):
            reason = f"must be a class that {where} names, 0 to {len(names) - 1}, got {label}"
            raise DamagedFile(file, reason, place, "unknown label")
        highest = max(highest, label)
        name = names[label] if names else f"class {label}"
        if len(values) == 4:
            x, y, width, height = values
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            shapes.append(Shape(name, place, box=box, relative=True))
        else:
            shapes.append(Shape(name, place, [values], relative=True))
    return tuple(shapes), highest


def _listed_split(photo: Path, root: Path, settings: dict[str, Any]) -> str:
    """The split whose folder or list in data.yaml has a photograph; "" where none has."""
    for name in settings:
        entries = settings[name] if isinstance(settings[name], list) else [settings[name]]
        for entry in entries if (split := split_of_word(str(name))) else []:
            inner = [part for part in Path(str(entry).replace("\\", "/")).parts if part not in ("..", ".", "/")]
            for home in (root, settings["file"].parent, root / str(settings.get("path") or ".")):
                place = home.joinpath(*inner)
                if place.is_dir() and photo.is_relative_to(place):
                    return split
                if place.suffix.lower() == ".txt" and place.is_file():
                    listed_names = {key(Path(line.replace("\\", "/")).name) for line in read_lines(place) if line}
                    if key(photo.name) in listed_names:
                        return split
    return ""


YOLO = DatasetSpec(
    name="yolo",
    reader=YoloSamples,
    splits=SPLITS,
    classes=None,
    recognises=lambda root: bool(label_files(root)),
)
DATASETS = (YOLO,)
