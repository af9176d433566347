"""The verb predict: every kind of model, its picture, its JSON and its table."""

import base64
import contextlib
import io
import json
import os
import shutil
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from torch import nn
from torchvision.models import detection, segmentation
from torchvision.utils import save_image

from lessons_lib.__main__ import main
from lessons_lib.course.found_files import FoundFiles
from lessons_lib.course.predict import image_files
from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.data.sets.coco import CocoSamples
from lessons_lib.ops.masks import decode_rle
from lessons_lib.shipped.trained import Trained, open_weights, published_model
from lessons_lib.training.own_size import Seen
from lessons_lib.training.settings import Settings
from lessons_lib.training.train import train
from tests.training.test_own_size import FindsTheBright


def record_in(folder):
    return json.loads((folder / "annotations/instances_found.json").read_text("utf-8"))


@pytest.fixture
def photo(tmp_path):
    save_image(draw_scenes([0], PRESETS["clear"])[0].image, tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_shipped_semantic_model(photo, tmp_path, capsys):
    assert main(["predict", str(photo), "--weights", "fcn8s", "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "resized to 128 × 128 pixels: " in printed and "%" in printed
    found = record_in(tmp_path / "out")
    labels = np.array(Image.open(tmp_path / "out/SegmentationClass/photo.png"))
    masks = decode_rle([entry["segmentation"] for entry in found["annotations"]], (96, 96))
    assert sum(entry["area"] for entry in found["annotations"]) == int((labels > 0).sum()) == int(masks.sum())
    for entry, mask in zip(found["annotations"], masks, strict=True):
        assert (labels == entry["category_id"])[mask.numpy()].all() and "score" not in entry
    assert (tmp_path / "out/drawn/photo.png").stat().st_size > 1000


def test_a_detector_of_a_run(photo, tmp_path, capsys):
    settings = Settings("faster_rcnn", preset="clear", count=4, steps=2, batch=2)
    assert train(settings, tmp_path / "run", device="cpu", unseen=0) is None
    words = ["predict", str(photo), "--run", str(tmp_path / "run"), "--out", str(tmp_path), "--device", "cpu"]
    assert main([*words, "--confidence", "0"]) == 0
    assert "objects with a confidence of at least 0" in capsys.readouterr().out
    found = record_in(tmp_path)
    assert set(found["annotations"][0]) == {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "score"}
    assert found["images"] == [{"id": 1, "file_name": "photo.png", "height": 96, "width": 96}]
    assert not (tmp_path / "SegmentationClass").exists()
    shapes = json.loads((tmp_path / "labelme/photo.json").read_text("utf-8"))["shapes"]
    assert {shape["shape_type"] for shape in shapes} == {"rectangle"} and len(shapes) == len(found["annotations"])


@pytest.mark.parametrize("conventions", ["own", "torchvision"])
def test_published_masks_over_a_photograph(photo, tmp_path, monkeypatch, capsys, conventions):
    """With random weights in place of the download: masks are drawn, counted, and written as run lengths."""
    torch.manual_seed(0)
    theirs = detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    state, classes = theirs.state_dict(), ["__background__", *(f"thing {n}" for n in range(1, 91))]
    state["roi_heads.box_predictor.cls_score.weight"] *= 300  # as sure as a trained model
    monkeypatch.setattr("lessons_lib.shipped.trained.published_weights", lambda name: (state, classes))
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
    found = record_in(tmp_path)["annotations"]
    masks = decode_rle([entry["segmentation"] for entry in found], (96, 96))
    assert masks.any() and masks.flatten(1).sum(1).tolist() == [entry["area"] for entry in found]
    assert (tmp_path / "drawn/photo.png").stat().st_size > 1000


def test_conventions_of_a_model_without_regions(photo, capsys):
    assert main(["predict", str(photo), "--weights", "fcn8s", "--conventions", "torchvision", "--device", "cpu"]) == 1
    assert "error: conventions must be own for FCN, which reads no regions" in capsys.readouterr().err


def test_the_table_and_the_files_of_objects(photo, tmp_path):
    boxes = torch.tensor([[1.0, 2, 11, 22], [3, 3, 4, 4]])
    found = Instances(boxes, torch.tensor([1, 2]), None, torch.tensor([0.9, 0.2]))
    out = FoundFiles(tmp_path / "out", ["background", "cat", "dog"], 0.5)
    rows = out.write("a/photo.png", photo, torch.zeros(3, 30, 30), Seen(found, (30, 30), (30, 30), ""))
    assert out.table(rows).splitlines() == [
        "1 object with a confidence of at least 0.5: 1 cat",
        "  cat  0.900  x 1 to 11, y 2 to 22",
    ]
    out.finish()
    assert [entry["bbox"] for entry in record_in(tmp_path / "out")["annotations"]] == [[1, 2, 10, 20]]
    file = tmp_path / "out/labelme/a/photo.json"
    there = json.loads(file.read_text("utf-8"))["imagePath"]
    assert (file.parent / there).resolve().samefile(photo)


def test_an_image_larger_than_in_training_is_resized_and_its_objects_come_back(tmp_path, capsys, monkeypatch):
    """An image and the same enlarged eightfold: the same object, in the pixels of the large image."""
    image = torch.zeros(3, 96, 96)
    image[:, 20:50, 30:70] = 1
    save_image(image, tmp_path / "small.png")
    save_image(image.repeat_interleave(8, 1).repeat_interleave(8, 2), tmp_path / "large.png")
    bright = Trained(FindsTheBright(), ["background", "bright"], 96, "bright")
    monkeypatch.setattr("lessons_lib.course.predict.open_weights", lambda name: bright)
    words = ["predict", str(tmp_path), "--weights", "bright", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "large.png, resized to 96 × 96 pixels" in capsys.readouterr().out
    found = record_in(tmp_path / "out")
    large, small = ([entry for entry in found["annotations"] if entry["image_id"] == n] for n in (1, 2))
    assert found["images"][0]["height"] == 768 and len(large) == len(small) == 1
    for one, other in zip(large, small, strict=True):
        assert one["bbox"] == pytest.approx([8 * value for value in other["bbox"]], abs=1)
        assert one["area"] == pytest.approx(64 * other["area"], rel=0.1)
    masks = decode_rle([entry["segmentation"] for entry in large], (768, 768))
    assert masks.flatten(1).sum(1).tolist() == [entry["area"] for entry in large]


def test_a_folder_with_a_damaged_file_and_names_that_collide(photo, tmp_path, capsys):
    folder = tmp_path / "Fotos mit Umlaut ä"
    (folder / "inside").mkdir(parents=True)
    for name in ("a.png", "a.PNG.png", "inside/a.png"):
        shutil.copy(photo, folder / name)
    Image.open(photo).save(folder / "a.jpg")
    (folder / "broken.png").write_bytes(photo.read_bytes()[:200])
    (folder / "notes.txt").write_text("no image")
    words = ["predict", str(folder), "--weights", "fcn8s", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "broken.png: cannot be read as an image" in said and "--on-error skip leaves such files out" in said
    assert main([*words, "--on-error", "skip"]) == 0
    said = capsys.readouterr().out
    assert "skipped " in said and "4 images predicted, 1 image skipped" in said
    drawn = sorted(
        path.relative_to(tmp_path / "out/drawn").as_posix() for path in (tmp_path / "out/drawn").rglob("*.*")
    )
    assert drawn == ["a.PNG.png", "a.png", "a_png.png", "inside/a.png"]
    names = [image["file_name"] for image in record_in(tmp_path / "out")["images"]]
    assert sorted(names) == ["a.PNG.png", "a.jpg", "a.png", "inside/a.png"]
    assert all((tmp_path / "out/images" / name).is_file() for name in names)


def test_names_of_images_in_two_folders(photo, tmp_path):
    other = tmp_path / "other" / "photo.png"
    other.parent.mkdir()
    shutil.copy(photo, other)
    assert list(image_files([photo, other], tmp_path / "out")) == ["photo.png", "1_photo.png"]
    numbered = tmp_path / "1_photo.png"
    shutil.copy(photo, numbered)
    found = image_files([numbered, photo, other, other], tmp_path / "out")
    assert list(found.values()) == [numbered, photo, other, other]
    assert list(found) == ["1_photo.png", "photo.png", "2_photo.png", "3_photo.png"]
    numbered = numbered.rename(tmp_path / "2_photo.png")
    assert list(image_files([numbered, photo, other], tmp_path / "out")) == ["2_photo.png", "photo.png", "3_photo.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is UTF-8 or UTF-16")
def test_a_name_that_is_no_utf8(photo, tmp_path):
    """It is written as JSON's escape, and found again; one such name stopped the whole folder."""
    old = os.fsdecode(b"K\xe4se.png")
    found = FoundFiles(tmp_path / "out", ["ground", "crate"], 0.5)
    square = Instances(torch.tensor([[4.0, 4, 9, 9]]), torch.tensor([1]), torch.ones(1, 96, 96, dtype=torch.bool))
    found.write(old, photo, torch.zeros(3, 96, 96), Seen(square, (96, 96), (96, 96), "as it is"))
    found.finish()
    assert [image["file_name"] for image in record_in(tmp_path / "out")["images"]] == [old]
    samples = open_dataset("coco_json", tmp_path / "out", "all")
    assert samples.paths(0)[0] == tmp_path / "out/images" / old and len(samples[0].instances) == 1


def test_names_that_collide_once_the_suffix_is_gone(photo, tmp_path):
    """1_png.jpg, 1.jpg and 1.png: the second of the last two would be called as the first is."""
    found = FoundFiles(tmp_path / "out", ["ground", "crate"], 0.5)
    nothing = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), None, torch.zeros(0))
    image = torch.zeros(3, 32, 32)
    for name in ("1_png.jpg", "1.jpg", "1.png"):
        found.write(name, photo, image, Seen(nothing, (32, 32), (32, 32), "as it is"))
    assert sorted(path.name for path in (tmp_path / "out/drawn").iterdir()) == ["1.png", "1_png.png", "1_png_.png"]


def test_a_folder_holds_images_alone(photo, tmp_path):
    """Neither what systems leave there, nor what predict wrote there before; but .jfif, and what links lead to."""
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for home in (folder, folder / "found/drawn", elsewhere):
        home.mkdir(parents=True)
        shutil.copy(photo, home / "a.png")
    (folder / "._a.png").write_bytes(b"left by macOS")
    shutil.copy(photo, folder / "b.JFIF")
    (folder / "link").symlink_to(elsewhere)
    (folder / "back").symlink_to(tmp_path)
    assert list(image_files([folder], folder / "found")) == ["a.png", "b.JFIF", "link/a.png"]
    assert list(image_files([folder / "found/drawn"], folder / "found")) == ["a.png"]
    with pytest.raises(ValueError, match="out must be another folder than that of the images"):
        image_files([folder], folder)


def test_a_label_map_has_no_confidence(photo, tmp_path, capsys):
    words = ["predict", str(photo), "--weights", "fcn8s", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main([*words, "--confidence", "0.9"]) == 1
    assert "confidence must be left out for fcn8s, which gives each pixel a class" in capsys.readouterr().err


def test_memory_that_runs_out_is_one_line(photo, tmp_path, capsys):
    words = ["predict", str(photo), "--weights", "fcn8s", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main([*words, "--size", "4000000"]) == 1  # 192 terabytes
    said = capsys.readouterr().err
    assert said.startswith("error: memory ran out; a smaller --size needs less (") and said.count("\n") == 1


def test_a_file_in_the_place_of_out(photo, tmp_path, capsys):
    assert main(["predict", str(photo), "--weights", "fcn8s", "--device", "cpu", "--out", str(photo)]) == 1
    said = capsys.readouterr().err
    assert f"error: out must be a folder that can be written to (--out FOLDER), got {photo}: " in said


def test_a_stack_of_images_is_refused(photo, tmp_path, capsys):
    """Only its first image would be looked at, and the whole stack copied beside what was found."""
    first = Image.open(photo)
    first.save(tmp_path / "stack.tif", save_all=True, append_images=[first])
    words = ["predict", str(tmp_path / "stack.tif"), "--weights", "fcn8s", "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 1
    assert "stack.tif: must hold one image, got a stack of 2" in capsys.readouterr().err


def test_what_is_written_opens_again(photo, tmp_path):
    """In pycocotools, and with the course's own reader of COCO's layout: the same masks and names."""
    words = ["predict", str(photo), "--weights", "mask_rcnn", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = COCO(tmp_path / "out/annotations/instances_found.json")
    shutil.copytree(tmp_path / "out/images", tmp_path / "out/found")
    samples = CocoSamples(tmp_path / "out", "found")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # pycocotools with numpy 2
        masks = [torch.from_numpy(theirs.annToMask(entry)).bool() for entry in theirs.anns.values()]
    instances = samples[0].instances
    assert torch.equal(torch.stack(masks), instances.masks) and len(masks) > 1
    scored = {theirs.cats[entry["category_id"]]["name"] for entry in theirs.anns.values()}
    assert {samples.classes[label] for label in instances.labels.tolist()} == scored
    shapes = json.loads((tmp_path / "out/labelme/photo.json").read_text("utf-8"))["shapes"]
    for shape, mask in zip(shapes, masks, strict=True):
        (x0, y0), (x1, y1) = shape["points"]
        drawn = np.zeros((96, 96), dtype=bool)
        drawn[y0 : y1 + 1, x0 : x1 + 1] = np.array(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
        assert (drawn == mask.numpy()).all()


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
            assert len(open_weights(name).classes) == (2 if name == "recurrent" else 11)  # leaves alone
