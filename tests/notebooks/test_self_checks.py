"""Every number in a folded self-check answer is computed here, by other means than the sentence that states it."""

import itertools
import math
import re
from pathlib import Path

import nbformat
import pytest
import torch

from lessons_lib.metrics.leaves import symmetric_best_dice
from lessons_lib.models.instance.inhibition import spatial_inhibition
from lessons_lib.models.instance.recurrent_losses import kept_steps
from lessons_lib.models.semantic.patch import linear_as_conv_weight
from lessons_lib.ops import annotations, checkerboard, coverage
from lessons_lib.ops.convolution import output_size

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def answers(lesson: str) -> list[str]:
    """The five folded answers of a lesson, in order."""
    (path,) = NOTEBOOKS.glob(f"{lesson}_*.ipynb")
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    found = re.findall(r"<details><summary>.*?</summary>(.*?)</details>", text, re.DOTALL)
    assert len(found) == 5
    return found


def best_equal_guess(objects: int) -> float:
    """The least mean loss that a constant guess reaches when every numbering of the objects is equally likely."""
    numberings = torch.tensor(list(itertools.permutations(range(objects))))
    shares = torch.tensor([(numberings == number).float().mean() for number in range(objects)])
    return -(shares * shares.log()).sum().item()


def lecture_favourites() -> float:
    rows = [(0.9, 0, 0, 0.08), (0.12, 0.14, 0, 0.87), (0, 0.68, 0.1, 0.7), (0, 0.1, 0.8, 0), (0, 0, 0.1, 0)]
    return sum(max(row) for row in rows)


def gradients(count: int, predictions: int) -> tuple[int, int]:
    """How many masks and how many scores get a gradient from the coverage loss."""
    masks = torch.rand(1, predictions, 6, 6, requires_grad=True)
    logits = torch.zeros(1, predictions, requires_grad=True)
    objects = torch.zeros(count, 6, 6, dtype=torch.bool)
    objects[range(count), range(count)] = True
    sum(coverage.coverage_loss(masks, [objects], logits).values()).backward()
    return int(masks.grad[0].flatten(1).any(1).sum()), int((logits.grad != 0).sum())


def overlaps(kernel_size: int, stride: int) -> list[int]:
    """Taps in each phase, counted by a transposed convolution of ones."""
    ones = torch.nn.functional.conv_transpose1d(torch.ones(1, 1, 40), torch.ones(1, 1, kernel_size), stride=stride)
    return ones[0, 0, 20 * stride : 21 * stride].int().tolist()


def test_lesson_01():
    found = answers("01")
    assert best_equal_guess(2) == pytest.approx(math.log(2))
    assert f"ln 4 ≈ {best_equal_guess(4):.2f}" in found[1]
    assert str(annotations.run_lengths(torch.ones(3, 3, dtype=torch.bool))) in found[2]


def test_lesson_04():
    found = answers("04")
    taps = overlaps(7, 3)
    assert ", ".join(map(str, taps)) in found[0]
    squares = sorted({a * b for a, b in itertools.product(taps, taps)}, reverse=True)
    assert "{}, {} and {}".format(*squares) in found[0]
    assert checkerboard.checkerboard_score(torch.tensor(squares)) == pytest.approx(5 / 9) and "5/9" in found[0]
    assert overlaps(3, 4) == [1, 1, 1, 0] and "a quarter of the rows" in found[1]
    noise = torch.randn(100_000, 3, generator=torch.Generator().manual_seed(0))
    assert (noise[:, 0] + noise[:, 2]).var() / noise[:, 1].var() == pytest.approx(2, rel=0.03)
    assert "twice the variance" in found[4]


def test_lesson_06():
    found = answers("06")
    with torch.device("meta"):
        weight = linear_as_conv_weight(torch.empty(4096, 512 * 7 * 7), 512)
    assert tuple(weight.shape) == (4096, 512, 7, 7)
    places = [output_size(n, 7) for n in (10, 12)]
    assert f"{places[0]} × {places[1]} positions, so 4096 × {places[0]} × {places[1]} numbers" in found[0]
    stride = 2**3
    assert f"{stride} · {stride} = {stride**2} shifts. The taps are {stride} apart." in found[2]


def test_lesson_17():
    found = answers("17")
    assert gradients(3, 6) == (3, 6) and "Three masks, the matched ones, and all six scores" in found[0]
    assert f"{lecture_favourites():.2f} instead of 3.25" in found[2]
    empty = coverage.coverage_loss(torch.rand(1, 2, 4, 4), [torch.zeros(0, 4, 4, dtype=torch.bool)], torch.zeros(1, 2))
    assert empty["coverage"] == 0 and empty["score"].item() == pytest.approx(-2 * math.log(0.5))


def test_lesson_18():
    found = answers("18")
    assert f"⌊e⁴⌋ = {math.floor(math.exp(4))} pixels" in found[0]
    equal = spatial_inhibition(torch.zeros(6, 10), torch.tensor(4.0))  # 60 pixels that share p
    assert f"y = {equal.max():.2f} each" in found[0] and not (equal > 0.5).any()
    assert found[2].strip().startswith(f"{int(kept_steps(torch.tensor([0.9, 0.7, 0.4, 0.8])))}: ")
    assert gradients(3, 5) == (3, 5) and "3 masks" in found[3] and "all 5 scores" in found[3]
    leaves = torch.eye(2, dtype=torch.bool)[:, None]
    assert f"SBD = {symmetric_best_dice(leaves[:1], leaves)}" in found[4] and "DiC = 1 − 2 = −1" in found[4]
