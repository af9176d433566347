"""The laboratory of lesson 04 at the corners of its controls, and moved by hand."""

import io
import itertools

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch.nn import functional as F

from lessons_lib.course.labs import checkerboard as laboratory
from lessons_lib.course.labs.lab import picture

CORNERS = list(itertools.product((1, 3, 6), (1, 2, 4), (1, 3), laboratory.WEIGHTS))


@pytest.fixture(scope="module")
def lab():
    return laboratory.lab()


def middle(image, period):
    """One period from the middle, aligned with the first stamp, where no border reaches."""
    start = len(image) // 2 // period * period
    return image[start : start + period, start : start + period]


@pytest.mark.parametrize(("kernel_size", "stride", "layers", "weights"), CORNERS)
def test_compute_at_the_corners(kernel_size, stride, layers, weights):
    """Taps and pattern are those in the middle of a picture that is stamped by torch, as large as it takes."""
    board = laboratory.compute(kernel_size, stride, layers, weights)
    period = stride**layers
    size = 24 if period < 64 else 12
    stack = {"taps": torch.ones(1, 1, kernel_size, kernel_size, dtype=torch.float64)}
    stack["answer"] = laboratory.kernel(kernel_size, stride, weights).double()
    tiles = {}
    for name, weight in stack.items():
        x = torch.ones(1, 1, size, size, dtype=torch.float64)
        for _ in range(layers):
            x = F.conv_transpose2d(x, weight, stride=stride)
        tiles[name] = middle(x[0, 0], period)
    taps, answer = tiles["taps"], tiles["answer"]
    assert board.taps == (taps.min(), taps.max()) and board.period == period
    assert board.score == pytest.approx(1 - (taps.min() / taps.max()).item())
    share = answer.std(correction=0) / answer.square().mean().sqrt()
    assert board.pattern == pytest.approx(share.item(), abs=1e-5)
    assert board.overlap.shape == (laboratory.OVERLAP,) * 2
    assert board.picture.shape == board.spectrum.shape == (laboratory.PICTURE,) * 2
    assert board.picture.isfinite().all()
    if period <= laboratory.OVERLAP:
        assert (board.overlap.min(), board.overlap.max()) == board.taps
        same = board.overlap[: laboratory.OVERLAP - period] == board.overlap[period:]
        assert same.all()


@pytest.mark.parametrize("corner", CORNERS[::5])
def test_every_corner_can_be_drawn(corner):
    board = laboratory.compute(*corner)
    assert isinstance(laboratory.draw(board), Figure)
    image = Image.open(io.BytesIO(picture(laboratory.draw, board)))
    assert image.size == (
        3 * laboratory.PANEL + 4 * laboratory.GAP,
        laboratory.PANEL + laboratory.GAP + laboratory.TITLE,
    )
    assert laboratory.caption(board).startswith("<b>")


def test_the_triangle_is_bilinear():
    row = torch.tensor([1.0, 2, 1]) / 2
    torch.testing.assert_close(laboratory.kernel(3, 2, "triangle")[0, 0], row[:, None] * row)
    row = torch.tensor([1.0, 3, 3, 1]) / 4
    torch.testing.assert_close(laboratory.kernel(4, 2, "triangle")[0, 0], row[:, None] * row)
    assert torch.equal(laboratory.kernel(5, 3, "random"), laboratory.kernel(5, 3, "random"))


@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 2), (4, 2), (5, 3), (6, 3)])
def test_equal_and_triangle_keep_the_brightness(kernel_size, stride):
    for weights in ("equal", "triangle"):
        board = laboratory.compute(kernel_size, stride, 1, weights)
        assert board.picture.mean() == pytest.approx(laboratory.face().mean().item(), rel=0.15)


def test_captions_by_hand():
    words = laboratory.caption(laboratory.compute(3, 2, 1, "equal"))
    assert words == (
        "<b>Uneven overlap</b> (1 to 4 taps per pixel):"
        " the least covered pixel has 75% fewer taps than the most covered."
        " The output on a flat input has a pattern with 44% of its strength."
    )
    words = laboratory.caption(laboratory.compute(4, 2, 2, "equal"))
    assert words == "<b>Even overlap</b> (16 taps per pixel). The output on a flat input has no pattern."
    assert "(1 to 9 taps per pixel)" in laboratory.caption(laboratory.compute(3, 2, 2, "triangle"))
    assert laboratory.caption(laboratory.compute(3, 2, 2, "triangle")).endswith("has no pattern.")


def test_controls_redraw_picture_and_number(lab):
    before, words = lab.image, lab.words
    lab.controls["kernel_size"].value = 4
    assert lab.image != before and lab.words.startswith("<b>Even overlap</b> (4 taps per pixel)")
    lab.controls["weights"].value = "random"
    assert "has a pattern" in lab.words
    lab.controls["weights"].value, lab.controls["kernel_size"].value = "equal", 3
    assert lab.image == before and lab.words == words


def test_every_slider_reaches_its_ends(lab):
    for name in ("kernel_size", "stride", "layers"):
        control = lab.controls[name]
        start = control.value
        for value in (control.min, control.max):
            control.value = value
            assert lab.words.startswith("<b>")
        control.value = start
