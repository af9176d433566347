"""The verb predict: every kind of model, its picture, its JSON and its table."""

import json

import pytest
import torch
from torch import nn
from torchvision.models import detection, segmentation
from torchvision.utils import save_image

from lessons_lib.__main__ import main
from lessons_lib.course.predict import found_json, open_weights, published_model, table
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.ops.masks import decode_rle
from lessons_lib.training.settings import Settings
from lessons_lib.training.train import train


@pytest.fixture
def photo(tmp_path):
    save_image(draw_scenes([0], PRESETS["clear"])[0].image, tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_shipped_semantic_model(photo, tmp_path, capsys):
    assert main(["predict", str(photo), "--weights", "fcn8s", "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "classes by their share of the image" in printed and "ground" in printed
    found = json.loads((tmp_path / "out/photo_found.json").read_text("utf-8"))
    assert sum(found["pixels"].values()) == 96 * 96 and found["image"] == "photo.png"
    assert (tmp_path / "out/photo_found.png").stat().st_size > 1000


def test_a_detector_of_a_run(photo, tmp_path, capsys):
    settings = Settings("faster_rcnn", preset="clear", count=4, steps=2, batch=2)
    assert train(settings, tmp_path / "run", device="cpu") is None
    words = ["predict", str(photo), "--run", str(tmp_path / "run"), "--out", str(tmp_path), "--device", "cpu"]
    assert main([*words, "--confidence", "0"]) == 0
    assert "objects with a confidence of at least 0" in capsys.readouterr().out
    found = json.loads((tmp_path / "photo_found.json").read_text("utf-8"))
    assert found and set(found[0]) == {"image_id", "category_id", "bbox", "score"}
    assert found[0]["image_id"] == "photo.png"


@pytest.mark.parametrize("conventions", ["own", "torchvision"])
def test_published_masks_over_a_photograph(photo, tmp_path, monkeypatch, capsys, conventions):
    """With random weights in place of the download: masks are drawn, counted, and written as run lengths."""
    torch.manual_seed(0)
    theirs = detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    state, classes = theirs.state_dict(), ["__background__", *(f"thing {n}" for n in range(1, 91))]
    state["roi_heads.box_predictor.cls_score.weight"] *= 300  # as sure as a trained model
    monkeypatch.setattr("lessons_lib.course.predict.published_weights", lambda name: (state, classes))
    words = [
        "predict",
        str(photo),
        "--weights",
        "maskrcnn_resnet50_fpn_coco",
        "--out",
        str(tmp_path),
        "--device",
        "cpu",
    ]
    assert main([*words, "--confidence", "0.1", "--conventions", conventions]) == 0
    printed = capsys.readouterr().out
    assert "thing" in printed and "pixels" in printed
    found = json.loads((tmp_path / "photo_found.json").read_text("utf-8"))
    masks = decode_rle([entry["segmentation"] for entry in found], (96, 96))
    assert set(found[0]) == {"image_id", "category_id", "bbox", "score", "segmentation"} and masks.any()
    assert (tmp_path / "photo_found.png").stat().st_size > 1000


def test_conventions_of_a_model_without_regions(photo, capsys):
    assert main(["predict", str(photo), "--weights", "fcn8s", "--conventions", "torchvision", "--device", "cpu"]) == 1
    assert "error: conventions must be own for FCN, which reads no regions" in capsys.readouterr().err


def test_the_table_and_json_of_objects(tmp_path):
    boxes = torch.tensor([[1.0, 2, 11, 22], [3, 3, 4, 4]])
    found = Instances(boxes, torch.tensor([1, 2]), None, torch.tensor([0.9, 0.2]))
    assert table(found, ["background", "cat", "dog"], 0.5).splitlines() == [
        "1 object with a confidence of at least 0.5",
        "  cat  0.900  x 1 to 11, y 2 to 22",
    ]
    entries = found_json(found, tmp_path / "a.jpg", torch.zeros(3, 30, 30), ["background", "cat", "dog"])
    assert [entry["bbox"] for entry in entries] == [[1, 2, 10, 20], [3, 3, 1, 1]]


def test_published_detectors_of_both_generations():
    """The first was trained with frozen BatchNorm, whose epsilon was 0; the second with BatchNorm as torch has it."""
    for name, epsilon in (("fasterrcnn_resnet50_fpn", 0.0), ("fasterrcnn_resnet50_fpn_v2", 1e-5)):
        state = getattr(detection, name)(weights=None, weights_backbone=None).state_dict()
        if epsilon == 0:
            state = {key: value for key, value in state.items() if "num_batches_tracked" not in key}
        ready = published_model(f"{name}_coco", state, [str(label) for label in range(91)])
        layers = [layer for layer in ready.model.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert {layer.eps for layer in layers} == {epsilon} and len(layers) > 50


def test_the_published_semantic_model_without_its_second_head():
    theirs = segmentation.fcn_resnet50(weights=None, weights_backbone=None, num_classes=21, aux_loss=True).eval()
    ready = published_model("fcn_resnet50_coco", theirs.state_dict(), [str(label) for label in range(21)])
    image = torch.rand(3, 64, 64)
    with torch.inference_mode():
        want = theirs(ready.model.backbone.normalise(image[None]))["out"].argmax(1)[0]
    assert torch.equal(ready.model.predict([image])[0], want)


def test_every_shipped_model_opens():
    from lessons_lib.shipped import shipped

    for name in shipped():
        if name != "trunk":
            assert len(open_weights(name).classes) == 11
