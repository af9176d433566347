"""Photographs, and how little the light modules import."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from lessons_lib.data.photo import image_to_tensor, read_image, real_set, sample_photo


def test_grace_hopper():
    photo = sample_photo()
    assert photo.shape == (3, 600, 512) and photo.dtype == torch.float32
    assert 0 <= photo.min() < 0.05 and 0.95 < photo.max() <= 1
    assert photo[:, 300, 250].tolist() != photo[:, 30, 30].tolist()


def test_channels_rows_and_columns_by_hand(tmp_path):
    pixels = np.array([[[255, 0, 51], [0, 102, 0]]], dtype=np.uint8)  # one row, two columns
    Image.fromarray(pixels).save(tmp_path / "two.png")
    image = read_image(tmp_path / "two.png")
    assert image.shape == (3, 1, 2) and image.is_contiguous()
    torch.testing.assert_close(image[:, 0], torch.tensor([[1, 0], [0, 0.4], [0.2, 0]]))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_other_modes_become_rgb(mode):
    picture = Image.fromarray(np.full((2, 3), 255, dtype=np.uint8)).convert(mode)
    assert torch.equal(image_to_tensor(picture), torch.ones(3, 2, 3))


def test_real_set_is_found_where_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("LESSONS_REAL_DATA", raising=False)
    assert real_set() is None
    monkeypatch.setenv("LESSONS_REAL_DATA", str(tmp_path / "nowhere"))
    assert real_set() is None
    monkeypatch.setenv("LESSONS_REAL_DATA", str(tmp_path))
    (tmp_path / "a_nuclei_set").mkdir()
    assert real_set() is None
    annotations = tmp_path / "coco" / "annotations"
    annotations.mkdir(parents=True)
    (annotations / "instances_val2017.json").touch()
    assert real_set() == tmp_path / "coco"
    monkeypatch.setenv("LESSONS_REAL_DATA", str(tmp_path / "coco"))
    assert real_set() == tmp_path / "coco"


def test_light_modules_stay_light():
    program = (
        "import sys, lessons_lib.data.sample, lessons_lib.data.scenes.scenes, lessons_lib.data.photo;"
        "print([name for name in ('torchvision', 'pycocotools', 'matplotlib', 'scipy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
