"""The quality of one image: by hand, against panoptic quality, and with nothing on either side."""

import pytest
import torch

from lessons_lib.metrics.image_quality import image_quality


def test_by_hand():
    assert image_quality(torch.tensor([[0.8, 0.0], [0.0, 0.3]])) == pytest.approx(0.4)
    assert image_quality(torch.tensor([[0.5]])) == 0  # above a half, not at it
    assert image_quality(torch.tensor([[0.9, 0.0], [0.7, 0.6]])) == pytest.approx(
        1.5 / 2
    )  # the second takes what is free
    assert image_quality(torch.tensor([[0.9], [0.7]])) == pytest.approx(0.9 / 1.5)


@pytest.mark.parametrize(("shape", "quality"), [((0, 0), 1.0), ((0, 3), 0.0), ((2, 0), 0.0)])
def test_nothing_on_either_side(shape, quality):
    assert image_quality(torch.zeros(shape)) == quality


def test_a_perfect_image_is_1_in_any_order():
    assert image_quality(torch.eye(5)[torch.randperm(5, generator=torch.Generator().manual_seed(0))]) == 1


def test_it_is_the_formula_of_panoptic_quality():
    """With at most one IoU above a half in each row and column, matching has no choice."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        table = torch.rand(4, 6, generator=generator) * 0.5
        for i in range(3):
            table[i, i + 1] = 0.5 + 0.5 * torch.rand((), generator=generator)
        matched = table[table > 0.5]
        expected = matched.sum() / (len(matched) + 0.5 * (4 - len(matched)) + 0.5 * (6 - len(matched)))
        assert image_quality(table) == pytest.approx(expected.item())
