"""Cells that are infinite or no number: they spoil the bins that read them, and no other, in no other image."""

import pytest
import torch

from lessons_lib.ops.roi import ps_roi_pool, roi_align, roi_align_loops, roi_pool, roi_warp
from lessons_lib.ops.roi.pool import pool_windows

BAD = (torch.inf, -torch.inf, torch.nan)
WHOLE = torch.tensor([[0.0, 0, 0, 3, 3]])
LINEAR = {
    "roi_align": lambda f, b: roi_align(f, b, 2, 1.0, 2),
    "many samples": lambda f, b: roi_align(f, b, 2, 1.0, 9),  # more reads than cells: added up for each cell first
    "adaptive": lambda f, b: roi_align(f, b, 2),
    "in loops": lambda f, b: roi_align_loops(f, b, 2, 1.0, 2),
    "roi_warp": lambda f, b: roi_warp(f, b, 2),
    "ps_roi_pool": lambda f, b: ps_roi_pool(f, b, 2, group_size=1),
}
EVERY = LINEAR | {"roi_pool": lambda f, b: roi_pool(f, b, 2)}


def by_amax(features, boxes, output_size):
    """The maximum over each bin's cells by torch itself, 0 where there are none."""
    image = boxes[:, 0].long().tolist()
    windows = [side.tolist() for side in pool_windows(features, boxes, output_size)]
    out = features.new_zeros(len(boxes), features.shape[1], *output_size)
    for r, (y0, y1, x0, x1) in enumerate(zip(*windows, strict=True)):
        for p in range(output_size[0]):
            for q in range(output_size[1]):
                cells = features[image[r], :, y0[p] : y1[p], x0[q] : x1[q]].flatten(1)
                if cells.shape[1]:
                    out[r, :, p, q] = cells.amax(1)
    return out


def test_all_minus_infinity_stays_so_by_hand():
    features = torch.full((1, 1, 4, 4), -torch.inf)
    features[0, 0, :2, :2] = 1
    assert roi_pool(features, WHOLE, 2).flatten().tolist() == [1, -torch.inf, -torch.inf, -torch.inf]
    features[0, 0, 3, 3] = torch.nan
    assert roi_pool(features, WHOLE, 2)[0, 0, 1, 1].isnan()


@pytest.mark.parametrize("seed", range(20))
def test_the_maximum_is_torchs_with_every_kind_of_cell(seed):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 3, 6, 7, generator=generator)
    kinds = torch.randint(5, features.shape, generator=generator)
    for kind, value in enumerate(BAD):
        features[kinds == kind] = value
    corners = torch.rand(8, 4, generator=generator) * 9 - 1
    boxes = torch.cat([torch.randint(2, (8, 1), generator=generator).float(), corners.sort(1).values], 1)
    torch.testing.assert_close(
        roi_pool(features, boxes, (2, 3)), by_amax(features, boxes, (2, 3)), rtol=0, atol=0, equal_nan=True
    )


def test_the_gradient_of_an_infinite_region_stays_in_its_bin_and_image():
    features = torch.full((2, 1, 4, 4), 1.0)
    features[1] = -torch.inf
    features.requires_grad_()
    out = roi_pool(features, torch.tensor([[1.0, 0, 0, 3, 3]]), 2)
    assert (out == -torch.inf).all()
    out.sum().backward()
    corners = torch.zeros(4, 4)
    corners[::2, ::2] = 1  # the first cell of each bin in reading order
    assert torch.equal(features.grad, torch.stack([torch.zeros(4, 4), corners])[:, None])


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("name", EVERY)
def test_bins_that_do_not_read_a_cell_never_hear_of_it(name, value):
    """The last cell of the first image is bad: no region elsewhere changes, in value or gradient."""
    boxes = torch.tensor(
        [[0.0, 0, 0, 3, 3], [0, -9, -9, 2, 2], [0, 20, 20, 30, 30], [1, 2, 2, 8, 8], [1, 5, 5, 20, 20]]
    )
    results = []
    for last in (0.0, value):
        features = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
        features[0, :, 7, 7] = last
        features.requires_grad_()
        out = EVERY[name](features, boxes)
        (out * torch.arange(1.0, 1 + out.numel()).view(out.shape)).sum().backward()
        results.append((out.detach(), features.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)
        assert ours.isfinite().all()


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("name", EVERY)
def test_a_bin_that_reads_only_such_cells_has_their_value(name, value):
    """Samples between cells, so that no cell weighs 0."""
    box = torch.tensor([[1.0, 1.25, 1.25, 4.5, 4.5]])
    features = torch.zeros(2, 1, 8, 8)
    features[1] = value
    out = EVERY[name](features, box)
    torch.testing.assert_close(out, torch.full_like(out, value), equal_nan=True)


def test_opposite_infinities_have_no_mean():
    features = torch.zeros(1, 1, 4, 4)
    features[0, 0, 0, 0], features[0, 0, 0, 1] = torch.inf, -torch.inf
    assert ps_roi_pool(features, torch.tensor([[0.0, 0, 0, 4, 4]]), 1).isnan().all()
    assert ps_roi_pool(features, torch.tensor([[0.0, 0, 0, 1, 4]]), 1).item() == torch.inf


@pytest.mark.parametrize("value", BAD)
def test_every_cell_of_a_mean_has_the_gradient_of_a_mean(value):
    features = torch.zeros(1, 1, 4, 4)
    features[0, 0, 1, 1] = value
    features.requires_grad_()
    ps_roi_pool(features, torch.tensor([[0.0, 0, 0, 4, 4]]), 1).sum().backward()
    assert torch.equal(features.grad, torch.full((1, 1, 4, 4), 1 / 16))
