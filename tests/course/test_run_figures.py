"""The pictures of a run: the truth beside what was found, names that do not cover each other, and words for nothing."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from PIL import Image

from lessons_lib.course import run_figures
from lessons_lib.course.run_figures import SURE, predictions, readable
from lessons_lib.data.sample import Instances, Sample
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes

SCENE = draw_scenes([2], PRESETS["easy"])[0]


def found(*rows):
    """Boxes alone, each (x0, y0, x1, y1, label, confidence)."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return Instances(table[:, :4], table[:, 4].long(), None, table[:, 5])


@pytest.fixture
def written(monkeypatch):
    """Every text that is put on axes."""
    texts = []

    def text(ax, x, y, words, *more, own=Axes.text, **style):
        texts.append(words)
        return own(ax, x, y, words, *more, **style)

    monkeypatch.setattr(Axes, "text", text)
    yield texts
    plt.close("all")


def test_what_is_confident_is_drawn_and_named(tmp_path, written):
    answer = found((5, 40, 30, 70, 1, 0.9), (60, 60, 90, 90, 2, SURE - 0.01))
    predictions([(SCENE, answer)], CLASSES, tmp_path / "drawn.png")
    assert f"{CLASSES[1]} 0.90" in written and not any(CLASSES[2] in words and "0.29" in words for words in written)
    with Image.open(tmp_path / "drawn.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    height, width = pixels.shape[:2]
    parts = [pixels[height // 4 :, width * i // 3 : width * (i + 1) // 3] for i in range(3)]
    assert all(part.std() > 10 for part in parts)  # three pictures, none of them blank
    assert width > 900 and height < 500


def test_where_nothing_is_confident_the_best_is_said(tmp_path, written):
    predictions([(SCENE, found((5, 40, 30, 70, 3, 0.125))), (SCENE, found())], CLASSES, tmp_path / "drawn.png")
    assert f"best: {CLASSES[3]} 0.12" in written and "nothing found" in written


def test_masks_and_label_maps_are_drawn_too(tmp_path, written):
    truth = SCENE.instances
    masks = Instances(truth.boxes, truth.labels, truth.masks, torch.full((len(truth),), 0.8))
    predictions([(SCENE, masks), (SCENE, SCENE.label_map)], CLASSES, tmp_path / "drawn.png")
    assert f"{CLASSES[int(truth.labels[0])]} 0.80" in written
    assert not any(words.startswith("best") for words in written)


def test_one_class_of_objects_needs_no_names(tmp_path, written):
    one = Sample(SCENE.image, SCENE.label_map, Instances(*found((5, 5, 30, 30, 1, 0.9)).__dict__.values()))
    predictions([(one, found((5, 5, 30, 30, 1, 0.9)))], ("background", "nucleus"), tmp_path / "drawn.png")
    assert written == []


def test_names_that_would_cover_another_are_left_out():
    boxes = found((10, 50, 40, 90, 1, 0.9), (12, 52, 44, 90, 1, 0.8), (10, 20, 40, 45, 1, 0.7))
    assert readable(boxes, CLASSES, (96, 96)).scores.tolist() == boxes.scores[[0, 2]].tolist()
    assert len(readable(boxes, CLASSES, (960, 960))) == 1  # ten times smaller in the same picture
    assert len(readable(found(), CLASSES, (96, 96))) == 0


def test_rows_are_as_high_as_their_images(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(run_figures, "_save", lambda figure, file, dpi: sizes.append(figure.get_size_inches().tolist()))
    wide = Sample(torch.zeros(3, 40, 80), torch.zeros(40, 80, dtype=torch.int64), found())
    tall = Sample(torch.zeros(3, 800, 80), torch.zeros(800, 80, dtype=torch.int64), found())
    for sample in (wide, tall):
        predictions([(sample, found())], CLASSES, tmp_path / "drawn.png")
    assert sizes == [[9.0, pytest.approx(1.9)], [9.0, pytest.approx(4.9)]]
