"""Folders and arguments that no export is: the sentences, without the checks of types."""

import re

import pytest

from lessons_lib.__main__ import main
from lessons_lib.data.open import open_dataset, require_truth
from tests.data.exports.test_labelme import record, shape
from tests.data.published import photo, png
from tests.data.test_layouts import put

LABELLED = {"a.jpg": photo(16, 20), "a.json": record(shape())}
KNOWN = "root must hold a dataset in a layout that is known, see docs/formats.md, got "


@pytest.mark.parametrize(
    ("files", "arguments", "kind", "said"),
    [
        (LABELLED, {"split": "testing2"}, ValueError, "split must be one of train, val, test, all, got 'testing2'"),
        (LABELLED, {"split": "test"}, FileNotFoundError, "root must hold the split test, got train 1: "),
        (LABELLED, {"name": "yolo"}, FileNotFoundError, "root must hold label files of YOLO, labels/*.txt"),
        (LABELLED, {"name": "via"}, FileNotFoundError, "root must hold a JSON of VIA, with filename and regions"),
        (LABELLED, {"name": "cvat_xml"}, FileNotFoundError, "root must hold an XML of CVAT, with annotations"),
        (LABELLED, {"name": "coco_json"}, FileNotFoundError, "root must hold a JSON in COCO's format"),
        (LABELLED, {"name": "voc_xml"}, FileNotFoundError, "root must hold XML files of VOC, with annotation,"),
        (LABELLED, {"name": "voc_folders"}, FileNotFoundError, "root must hold a folder SegmentationClass"),
        (LABELLED, {"name": "mask_folders"}, FileNotFoundError, "root must hold folders images and masks, or files"),
        (LABELLED, {"name": "object_masks"}, FileNotFoundError, "root must hold NAME/images/ and NAME/masks/, or"),
        ({"x/a.png": photo(1, 1)}, {"name": "labelme"}, FileNotFoundError, "root must hold JSON files of labelme"),
        ({}, {}, ValueError, KNOWN + "no file: "),
        ({"a.zip": b"PK", "b.jpg": photo(1, 1)}, {}, ValueError, ": unpack the archive"),
        ({"a.jpg": photo(1, 1)}, {}, ValueError, "images alone, without masks: put these into a folder masks beside"),
        ({"a.jpg": photo(1, 1), "a.json": "{}"}, {}, ValueError, "no JSON there is of COCO, labelme or VIA"),
        ({"a.csv": "x"}, {}, ValueError, "export as COCO JSON instead of CSV, which holds no masks"),
        ({"a.txt": "x"}, {}, ValueError, KNOWN + "1 .txt in "),
        ({"via.json": '{"_via_img_metadata": {}}'}, {}, FileNotFoundError, "root must hold an image with"),
    ],
)  # fmt: skip
def test_folders_that_are_something_else(tmp_path, files, arguments, kind, said):
    with pytest.raises(kind, match=re.escape(said)):
        open_dataset(**{"name": "auto", "root": put(tmp_path, files)} | arguments)


def test_no_folder():
    with pytest.raises(ValueError, match=re.escape("holds the dataset (--root FOLDER), got none")):
        open_dataset("auto")
    with pytest.raises(FileNotFoundError, match="root must be a folder, got nowhere"):
        open_dataset("auto", "nowhere")


def test_a_detector_of_boxes_does_not_train_on_label_maps(tmp_path, capsys):
    put(tmp_path, {"images/a.jpg": photo(2, 2), "masks/a.png": png([[0, 1], [1, 0]])})
    for model, wanted in (("faster_rcnn", "boxes"), ("mask_rcnn", "masks")):
        words = [
            "train",
            model,
            "--root",
            str(tmp_path),
            "--split",
            "all",
            "--steps",
            "1",
            "--out",
            str(tmp_path / "run"),
        ]
        assert main([*words, "--device", "cpu"]) == 1
        assert f"data must have {wanted} for this model, got none: its masks say which class" in capsys.readouterr().err


def test_masks_are_not_made_of_boxes(tmp_path):
    put(tmp_path, {"a.jpg": photo(16, 20), "a.json": record(shape(kind="rectangle", points=[[1, 1], [5, 5]]))})
    with pytest.raises(
        ValueError, match="got none: it holds boxes and no masks; a detector of boxes, faster_rcnn, trains"
    ):
        require_truth(open_dataset("auto", tmp_path, "all"), "masks")
