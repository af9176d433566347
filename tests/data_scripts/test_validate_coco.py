"""One fault of a COCO file is one finding, and the reader refuses what makes a file unreadable."""

import json
import shutil
from dataclasses import replace

import pytest

from data_scripts.make_scenes import make_scenes
from data_scripts.validate import validate
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import open_dataset
from lessons_lib.data.scenes import PRESETS

FILE = "annotations/instances_train2017.json"


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Two scenes with at least four objects each, as COCO has them, without stuff maps."""
    root = tmp_path_factory.mktemp("clean") / "set"
    make_scenes("coco2017", root, 2, replace(PRESETS["easy"], size=64, objects=(5, 6)), seed=4)
    shutil.rmtree(root / "stuffthingmaps")
    return root


def findings(clean, root, change):
    """What the validator says of a changed file, and the first fault for which the reader refuses it, or None."""
    shutil.copytree(clean, root)
    record = json.loads((root / FILE).read_text("utf-8"))
    change(record)
    (root / FILE).write_text(json.dumps(record), encoding="utf-8")
    try:
        samples, refused = open_dataset("coco2017", root), None
        assert len([*samples]) == 2
    except DamagedFile as error:
        refused = error
    return validate(root).findings, refused


def of_first_image(change):
    def plant(record):
        for entry in record["annotations"]:
            if entry["image_id"] == 1:
                change(entry)

    return plant


@pytest.mark.parametrize(
    ("change", "place", "what"),
    [
        (lambda r: r["images"][0].pop("height"), "images[0], height", "is missing"),
        (lambda r: r["images"][0].pop("id"), "images[0], id", "is missing"),
        (lambda r: r["images"][0].update(id="1"), "images[0], id", 'must be an integer, got "1" (a string)'),
        (lambda r: r["images"][0].update(width=None), "images[0], width", "must be an integer, got null"),
        (lambda r: r["categories"][0].pop("name"), "categories[0], name", "is missing"),
        (lambda r: r["categories"][0].pop("id"), "categories[0], id", "is missing"),
        (lambda r: r["images"][1].update(id=1), "images[1], id", "must be there once, got 1 again"),
        (lambda r: r["categories"][1].update(id=1), "categories[1], id", "must be there once, got 1 again"),
        (lambda r: r["categories"].clear(), "categories", "must hold those of the annotations, got none"),
        (lambda r: r["annotations"][0].update(category_id="1"), "annotation 1, category_id", '"1" (a string)'),
        (lambda r: r["annotations"][0].update(iscrowd="0"), "annotation 1, iscrowd", 'got "0" (a string)'),
        (lambda r: r["annotations"][0].pop("image_id"), "annotation 1, image_id", "is missing"),
        (lambda r: r["annotations"][0].update(area=float("nan")), "annotation 1, area", "got NaN (a float)"),
    ],
)
def test_one_fault_is_one_finding_and_refused(clean, tmp_path, change, place, what):
    found, refused = findings(clean, tmp_path / "set", change)
    assert [finding.field for finding in found] == [place], found
    assert what in found[0].what
    assert (refused.field, refused.reason, refused.kind) == (place, found[0].what, found[0].kind)


def test_a_fault_of_every_annotation_is_said_a_few_times(clean, tmp_path):
    found, refused = findings(clean, tmp_path / "set", of_first_image(lambda entry: entry.update(image_id="1")))
    assert len(found) <= 6 and found[0].field == "annotation 1, image_id"
    assert refused.reason == 'must be an integer, got "1" (a string)'
    shutil.rmtree(tmp_path / "set")
    many = [{"image_id": "1"}] * 2002
    found, _ = findings(
        clean, tmp_path / "set", lambda r: r.update(annotations=[{**r["annotations"][0], **one} for one in many])
    )
    said = [finding for finding in found if "image_id" in finding.field]
    assert [said[-1].field, said[-1].what] == [
        "other annotation, image_id",
        "must be an integer: 1,997 more of the same",
    ]


def test_boxes_alone_are_said_once(clean, tmp_path):
    def drop(record):
        for entry in record["annotations"]:
            entry["segmentation"] = []

    (found,), refused = findings(clean, tmp_path / "set", drop)
    assert refused is None and found.kind == "no masks"
    assert found.what == "it holds boxes and no masks: no annotation has a segmentation"


def test_too_many_categories_are_said_once(clean, tmp_path):
    def add(record):
        record["categories"] += [{"id": number, "name": f"more {number}"} for number in range(100, 400)]

    (found,), refused = findings(clean, tmp_path / "set", add)
    assert refused is None and found.what.startswith("a label map holds at most 254 categories")


def test_ids_that_start_again_and_what_may_be_missing(clean, tmp_path):
    def start_again(record):
        for image in (1, 2):
            own = [entry for entry in record["annotations"] if entry["image_id"] == image]
            for number, entry in enumerate(own, start=1):
                entry["id"] = number
                del entry["iscrowd"], entry["area"]

    found, refused = findings(clean, tmp_path / "set", start_again)
    assert refused is None and {finding.kind for finding in found} == {"duplicate"} and len(found) <= 6


def test_one_name_in_two_folders_is_no_duplicate(clean, tmp_path):
    def move(record):
        for image, folder in zip(record["images"], ("cam1", "cam2"), strict=True):
            (tmp_path / "set" / "train2017" / folder).mkdir()
            old, image["file_name"] = image["file_name"], f"{folder}/1.png"
            (tmp_path / "set" / "train2017" / old).rename(tmp_path / "set" / "train2017" / image["file_name"])

    assert findings(clean, tmp_path / "set", move) == ([], None)


def test_one_photograph_twice_is_a_duplicate(clean, tmp_path):
    (found,), refused = findings(
        clean, tmp_path / "set", lambda r: r["images"][1].update(file_name=r["images"][0]["file_name"])
    )
    assert (found.kind, refused) == ("duplicate", None) and "must be listed once, got 2 times" in found.what


def test_a_name_that_no_disk_can_hold_is_a_missing_file(clean, tmp_path):
    """And no end of the whole check. The reader skips it, too."""
    name = "a" * 300 + ".jpg"
    found, _ = findings(clean, tmp_path / "set", lambda record: record["images"][0].update(file_name=name))
    assert [(finding.kind, finding.field) for finding in found] == [("missing file", "")]
    assert found[0].file.endswith(name) and found[0].what.startswith("cannot be looked at: ")
    samples = open_dataset("coco2017", tmp_path / "set", "train", on_error="skip")
    assert len(list(samples)) == len(samples) - 1
