"""What predict says where it cannot."""

import pytest
from torchvision.models._api import WeightsEnum
from torchvision.utils import save_image

from lessons_lib.__main__ import main
from lessons_lib.data.scenes import draw_scenes


@pytest.fixture
def photo(tmp_path):
    save_image(draw_scenes([0])[0].image, tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def said(words, capsys):
    assert main(["predict", *words]) == 1
    return capsys.readouterr().err


def test_unknown_weights(photo, capsys):
    text = said([photo, "--weights", "yolo"], capsys)
    assert "weights must be one of fasterrcnn_resnet50_fpn_coco, " in text and "got 'yolo'" in text


def test_trunk_is_no_model(photo, capsys):
    assert "weights must be one of" in said([photo, "--weights", "trunk"], capsys)


def test_confidence(photo, capsys):
    assert "confidence must be in [0, 1], got 2.0" in said([photo, "--weights", "fcn8s", "--confidence", "2"], capsys)


def test_an_image_that_is_not_there(tmp_path, capsys):
    assert "none.jpg" in said([str(tmp_path / "none.jpg"), "--weights", "fcn8s"], capsys)


def test_a_run_that_is_not_there(photo, tmp_path, capsys):
    assert str(tmp_path) in said([photo, "--run", str(tmp_path)], capsys)


def test_offline_it_says_which_file_to_put_where(photo, tmp_path, capsys, monkeypatch):
    def fails(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(WeightsEnum, "get_state_dict", fails)
    text = said([photo, "--weights", "fasterrcnn_resnet50_fpn_coco"], capsys)
    name = "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth"
    assert "could not be downloaded (no network)" in text
    assert f"{name} on a machine" in text and str(tmp_path / "hub/checkpoints" / name) in text


def test_size_and_tiles(photo, capsys):
    assert "size must be ≥ 32, got 8" in said([photo, "--weights", "fcn8s", "--size", "8"], capsys)
    text = said([photo, "--weights", "mask_rcnn", "--tiles"], capsys)
    assert "tiles must be left out for mask_rcnn: a border would cut objects in two" in text


def test_a_folder_without_images(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("nothing to see")
    text = said([str(tmp_path), "--weights", "fcn8s"], capsys)
    assert "images must be files or folders of images (.bmp, " in text and ".jpg, " in text
    assert f"got none in {tmp_path}" in text
