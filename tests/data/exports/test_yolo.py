"""YOLO's segmentation layout, written from its published format: names, splits, boxes, and damage."""

import re

import pytest

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset, recognised
from tests.data.exports.test_coco_json import POLYGON, pixels
from tests.data.published import photo
from tests.data.test_layouts import put

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
SHARES = " ".join(str(value / (16 if i % 2 else 20)) for i, value in enumerate(POLYGON))
YAML = "path: ../datasets/pets\ntrain: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['dog', 'cat']\n"


def files(line=f"1 {SHARES}\n", yaml=YAML, split="train"):
    found = {f"{split}/images/a.jpg": photo(16, 20), f"{split}/labels/a.txt": line}
    return found | ({"data.yaml": yaml} if yaml else {})


def test_polygons_are_shares_of_the_image(tmp_path):
    samples = open_dataset("auto", put(tmp_path, files()), "all")
    assert samples.classes == ("background", "dog", "cat") and [s.name for s in recognised(tmp_path)] == ["yolo"]
    assert samples[0].instances.masks[0].equal(pixels()) and samples[0].instances.labels.tolist() == [2]


def test_splits_of_folders_and_background_images(tmp_path):
    put(
        tmp_path,
        files() | files(split="valid") | {"train/images/empty.png": photo(4, 4), "train/images/b.jpg": photo(4, 4)},
    )
    put(tmp_path, {"train/labels/b.txt": ""})
    train, val = (open_dataset("auto", tmp_path, split) for split in ("train", "val"))
    assert train.names == ("a", "b", "empty") and val.names == ("a",) and train.splits == {"train": 3, "val": 1}
    assert [len(sample.instances) for sample in train] == [1, 0, 0] and train[2].instances.masks.shape == (0, 4, 4)


@pytest.mark.parametrize(
    "yaml",
    [
        "names:\n  0: dog\n  1: cat\n",
        "\ufeffnames: [dog, cat]\r\nnc: 2\r\n",
        "names:\r\n- dog\r\n- cat\r\n",
    ],
)
def test_names_in_every_form(tmp_path, yaml):
    assert open_dataset("auto", put(tmp_path, files(yaml=yaml)), "all").classes[1:] == ("dog", "cat")


def test_names_are_texts_whatever_yaml_makes_of_them(tmp_path):
    """no is a class of tumours, and no False."""
    samples = open_dataset("auto", put(tmp_path, files(yaml="names: [no, yes, 007, 2020-01-01]\n")), "all")
    assert samples.classes[1:] == ("no", "yes", "007", "2020-01-01")


@pytest.mark.parametrize("name", ["classes.txt", "obj.names"])
def test_names_without_a_yaml(tmp_path, name):
    put(tmp_path, {"images/a.jpg": photo(16, 20), "labels/a.txt": f"1 {SHARES}", name: "dog\r\ncat\r\n"})
    assert open_dataset("auto", tmp_path, "all").classes[1:] == ("dog", "cat")


def test_a_name_that_is_there_twice(tmp_path):
    files = {"images/a.jpg": photo(16, 20), "labels/a.txt": f"1 {SHARES}", "classes.txt": "dog\ncat\ndog\n"}
    with pytest.raises(DamagedFile, match=r"classes\.txt: must give each class a name of its own, got 'dog' again"):
        open_dataset("auto", put(tmp_path, files), "all")


def test_no_names_at_all(tmp_path):
    samples = open_dataset("auto", put(tmp_path, files(yaml="")), "all")
    assert samples.classes[1:] == ("class 0", "class 1")
    assert samples.notes == ("no data.yaml or classes.txt names the classes, so they are class 0 to 1",)


def test_lists_of_the_yaml_are_splits(tmp_path):
    put(tmp_path, {f"images/{name}.jpg": photo(16, 20) for name in "ab"})
    put(tmp_path, {f"labels/{name}.txt": f"0 {SHARES}" for name in "ab"})
    put(tmp_path, {"data.yaml": "train: one.txt\nval: two.txt\nnames: [cat]", "one.txt": "./images/a.jpg\r\n"})
    put(tmp_path, {"two.txt": "C:\\pets\\images\\b.jpg\n"})
    assert open_dataset("auto", tmp_path, "train").names == ("a",)
    assert open_dataset("auto", tmp_path, "val").names == ("b",)


def test_label_files_that_are_all_empty(tmp_path):
    samples = open_dataset("auto", put(tmp_path, files("")), "all")
    assert len(samples[0].instances) == 0 and samples.classes[1:] == ("dog", "cat")


def test_boxes_alone(tmp_path):
    samples = open_dataset("auto", put(tmp_path, files("0 0.5 0.5 0.25 0.5\n")), "all")
    assert samples[0].instances.masks is None and samples[0].instances.boxes.tolist() == [[7.5, 4, 12.5, 12]]


@pytest.mark.parametrize(
    ("photo_name", "text_name", "line"),
    [
        ("Train/Images/Ü 1.JPG", "Train/Labels/Ü 1.TXT", f"1 {SHARES}"),
        ("a.png", "a.txt", f"\ufeff1 {SHARES}\r\n\r\n"),
        ("images/train/a.jpeg", "labels/train/a.txt", f"  1\t{SHARES}  "),
        ("images/a.jpg", "labels/a.txt", f"1 {SHARES.replace('0.0625', '-0.005')}"),
    ],
)
def test_slightly_other_files_are_read(tmp_path, photo_name, text_name, line):
    put(tmp_path, {photo_name: photo(16, 20), text_name: line, "data.YML": YAML})
    sample = open_dataset("auto", tmp_path, "all")[0]
    assert sample.instances.labels.tolist() == [2] and sample.instances.masks.sum() > 80


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"2 {SHARES}", "a.txt, line 1: must be a class that data.yaml names, 0 to 1, got 2"),
        (
            "1 0.1 0.2 0.3",
            "a.txt, line 1: must hold a class and x y for ≥ 3 corners, or x y width height, got 4 numbers",
        ),
        (
            "1 2 1 17 3 6 14",
            "a.txt, line 1: must be shares of the image in [0, 1], got 2: divide by its width and height",
        ),
        (f"cat {SHARES}", "a.txt, line 1: must be numbers, got 'cat 0.1"),
        (b"1 \xff\xff", "a.txt: must be text in UTF-8, got something else at byte 2: save it as UTF-8"),
    ],
)
def test_damage_names_the_file_and_the_line(tmp_path, line, said):
    put(tmp_path, files() | {"train/images/b.jpg": photo(16, 20), "train/labels/b.txt": f"0 {SHARES}"})
    put(tmp_path, {"train/labels/a.txt": line})
    samples = open_dataset("auto", tmp_path, "all")
    with pytest.raises(DamagedFile, match=re.escape(said)):
        samples[0]
    assert len(samples[1].instances) == 1


def test_a_label_file_without_an_image(tmp_path):
    samples = open_dataset("auto", put(tmp_path, files() | {"train/labels/b.txt": f"0 {SHARES}"}), "all")
    with pytest.raises(
        DamagedFile, match=re.escape("train/images/b.jpg: is not there, nor beside b.txt, which labels it")
    ):
        samples[1]


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("names: [dog, cat", "data.yaml: cannot be read as YAML"),
        ("names: {0: dog, 2: cat}", "data.yaml, names: must number the classes from 0 without gaps, got 0, 2"),
        ("names: [cat, dog, cat]", "data.yaml, names: must give each class a name of its own, got 'cat' again"),
        ("names: dog", "data.yaml, names: must be a list of classes, got"),
    ],
)
def test_a_broken_yaml_is_named_at_once(tmp_path, yaml, said):
    with pytest.raises(DamagedFile, match=re.escape(said)):
        open_dataset("auto", put(tmp_path, files(yaml=yaml)), "all")
