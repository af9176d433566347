"""Every layout from the terminal: recognised, read as it was written, trained, scored, predicted, read back."""

import json
from dataclasses import replace

import pytest
import torch

from lessons_lib.__main__ import main
from lessons_lib.data.open import SPECS, open_dataset, recognised
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.data.sets.coco import paint_label_map
from tests.data.exports.as_tools_write import WRITERS

SCENES = draw_scenes(range(4), replace(PRESETS["easy"], size=48, objects=(1, 3), void_border=False), seed=5)
EXACT = ("coco_json", "labelme", "cvat_xml", "object_masks", "voc_folders")
MODELS = {"voc_xml": "faster_rcnn", "labelme": "mask_rcnn"}
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_every_layout_of_tools_has_a_writer():
    assert set(WRITERS) == {name for name, spec in SPECS.items() if spec.recognises is not None}


def box_masks(instances, height, width):
    masks = torch.zeros(len(instances), height, width, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, instances.boxes.long().tolist(), strict=True):
        mask[y0:y1, x0:x1] = True
    return masks


@pytest.mark.parametrize("layout", WRITERS)
def test_pixels_are_those_that_were_written(layout, tmp_path):
    WRITERS[layout](tmp_path, SCENES)
    assert recognised(tmp_path)[0].name == layout
    samples = open_dataset("auto", tmp_path, "all")
    assert len(samples) == len(SCENES)
    for scene, sample in zip(SCENES, samples, strict=True):
        assert sample.image.equal((scene.image * 255 + 0.5).floor() / 255)
        if layout == "mask_folders":
            assert sample.label_map.equal(scene.label_map)
            continue
        if layout == "object_masks":
            assert samples.classes == ("background", "object")
        else:
            written = [CLASSES[label] for label in scene.instances.labels.tolist()]
            assert [samples.classes[label] for label in sample.instances.labels.tolist()] == written
        assert sample.instances.boxes.equal(scene.instances.boxes)
        if layout == "voc_xml":
            assert sample.instances.masks is None
        else:
            own = scene.instances.masks if layout in EXACT else box_masks(scene.instances, 48, 48)
            assert sample.instances.masks.equal(own)
            if layout != "voc_folders":
                assert sample.label_map.equal(paint_label_map(sample.instances))


@pytest.mark.parametrize("layout", WRITERS)
def test_trained_scored_predicted_and_read_back(layout, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    WRITERS[layout](tmp_path / "my pictures", SCENES)
    model = MODELS.get(layout, "fcn32s")
    words = [
        "train",
        model,
        "--root",
        "my pictures",
        "--size",
        "32",
        "--steps",
        "20",
        "--batch",
        "1",
        "--device",
        "cpu",
    ]
    assert main([*words, "--out", "run"]) == 0, capsys.readouterr().err
    assert f"my pictures holds {layout}" in capsys.readouterr().out
    scores = json.loads((tmp_path / "run" / "scores.json").read_text("utf-8"))
    assert scores["images"] == 1
    photo = open_dataset("auto", "my pictures", "val").paths(0)[0]
    every = [] if model == "fcn32s" else ["--confidence", "0"]  # of the objects
    assert main(["predict", str(photo), "--run", "run", "--device", "cpu", *every, "--out", "found"]) == 0
    back = open_dataset("auto", "found", "all")
    assert len(back) == 1 and back[0].image.shape == (3, 48, 48)
    assert set(back.classes) == set(open_dataset("auto", "my pictures", "all").classes)


def test_a_run_is_scored_on_another_layout(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for layout in ("labelme", "cvat_xml"):
        WRITERS[layout](tmp_path / layout, SCENES)
    words = ["--size", "32", "--steps", "1", "--batch", "1", "--device", "cpu"]
    assert main(["train", "fcn32s", "--root", "labelme", *words]) == 0
    said = capsys.readouterr().out
    assert "splits made by a hash of each file's name, so that one more file moves no other: train 3, val 1" in said
    for root, told in (("labelme", False), ("cvat_xml", True)):
        assert main(["evaluate", "runs/fcn32s_labelme", "--root", root, "--device", "cpu"]) == 0
        assert (f"{root} holds {root}" in capsys.readouterr().out) is told
