"""RoIAlign: nothing is rounded; bilinear samples in every bin, averaged. In loops, and as one sparse matrix."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lessons_lib.checks import Ints, check_ints, checked_ints
from lessons_lib.ops.roi.reads import Axis, Reads, weighted_reads
from lessons_lib.ops.roi.regions import Boxes, checked_call, describe


def roi_align(
    features: Float[Tensor, "B C H W"],
    boxes: Boxes,
    output_size: Ints,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Float[Tensor, "R C P Q"]:
    """The mean of bilinear samples in each of `output_size` bins of every box; no coordinate is rounded.

    sampling_ratio: samples per side of each bin; 0 or −1: as many as cells, ⌈box / bins⌉, for each box by itself.
    aligned: cell i has its centre at i + 0.5 on the map, as pixels have in the image. False is the older convention,
    in
        which the centre lies at i, so that all samples stand half a cell too far to the lower right; there a box is
        taken to be at least one cell large, here it may be empty or inverted (then adaptive sampling has no samples:
        0).
    A sample beyond −1 or beyond H (or W), where cell i stands at i, counts as 0; any other is clamped to the
    outermost cells. All this as torchvision's compiled operator, but with gradients to the boxes too. One sparse linear
    map, of 4 · sampling_ratio² weighted reads per bin. He et al., "Mask R-CNN" (arXiv:1703.06870), section 3. Raises
    ValueError or TypeError naming the argument.

    >>> features = torch.arange(4.0).repeat(4, 1)[None, None]  # the value of a cell is its column
    >>> roi_align(features, torch.tensor([[0.0, 0, 0, 2, 2]]), output_size=2, sampling_ratio=1)[0, 0, 0]
    tensor([0.5000, 1.5000])
    """
    check_ints(-1, sampling_ratio=sampling_ratio)
    image, pixels, bins = checked_call(features, boxes, output_size, spatial_scale)
    start, length = _extent(pixels * spatial_scale, aligned)
    if sampling_ratio > 0:
        return _read(features, image, start, length, bins, (sampling_ratio, sampling_ratio))
    counts = sample_counts(length, bins)
    nothing = slice(0)  # also a call without regions stays part of the graph
    parts, places = [_read(features, image[nothing], start[nothing], length[nothing], bins, (1, 1))], [image[nothing]]
    for count in counts.unique(dim=0) if len(counts) else ():
        here = (counts == count).all(1).nonzero()[:, 0]
        parts.append(_read(features, image[here], start[here], length[here], bins, tuple(count.tolist())))
        places.append(here)
    return torch.cat(parts)[torch.cat(places).argsort()]


def roi_align_loops(
    features: Float[Tensor, "B C H W"],
    boxes: Boxes,
    output_size: Ints,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Float[Tensor, "R C P Q"]:
    """The same as `roi_align`, sample by sample: slow, to be read."""
    check_ints(-1, sampling_ratio=sampling_ratio)
    image, pixels, bins = checked_call(features, boxes, output_size, spatial_scale)
    start, length = _extent(pixels * spatial_scale, aligned)
    counts = sample_counts(length, bins)
    if sampling_ratio > 0:
        counts = counts.new_full(counts.shape, sampling_ratio)
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    out = []
    for r in range(len(image)):
        (x0, y0), (width, height), (n_y, n_x) = start[r], length[r], counts[r].tolist()
        for p in range(bins[0]):
            for q in range(bins[1]):
                total = wide[:0].sum((0, 2, 3))  # zeros (C,) that stay part of the graph
                for i in range(n_y):
                    for j in range(n_x):
                        y = y0 + (p + (i + 0.5) / n_y) * height / bins[0]
                        x = x0 + (q + (j + 0.5) / n_x) * width / bins[1]
                        total = total + bilinear(wide[image[r]], y, x)
                out.append(total / max(n_y * n_x, 1))
    flat = torch.stack(out) if out else wide[:0, :, 0, 0]
    return flat.view(len(image), *bins, features.shape[1]).permute(0, 3, 1, 2).to(features.dtype)


def bilinear(image: Float[Tensor, "C H W"], y: Float[Tensor, ""], x: Float[Tensor, ""]) -> Float[Tensor, " C"]:
    """The image between its cells, cell i standing at i: the four cells around (y, x), each by its nearness.

    More than one cell outside, y < −1 or y > H and x likewise, it is 0; nearer, the outermost cell is repeated.

    >>> bilinear(torch.tensor([[[0.0, 4.0]]]), torch.tensor(0.0), torch.tensor(0.25))
    tensor([1.])
    """
    height, width = image.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return image.new_zeros(image.shape[0])
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = (y - top).to(image.dtype), (x - left).to(image.dtype)
    above = (1 - across) * image[:, top, left] + across * image[:, top, right]
    below = (1 - across) * image[:, bottom, left] + across * image[:, bottom, right]
    return (1 - down) * above + down * below


def affine_theta(boxes: Float[Tensor, "R 4"], size: Ints) -> Float[Tensor, "R 2 3"]:
    """Boxes, xyxy in cells, as the affine maps θ of a spatial transformer over a map of `size` (H, W).

    θ takes the square [−1, 1]² to the box in half-pixel coordinates (`affine_grid` with align_corners=False). A box
    never turns or shears, so θ12 = θ21 = 0; what is left are two scales and two shifts. Jaderberg et al., "Spatial
    Transformer Networks" (arXiv:1506.02025), equation 1. Half precision is computed and returned in float32.

    >>> affine_theta(torch.tensor([[0.0, 0, 4, 2]]), (2, 4)).tolist()  # the whole map: the identity
    [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    height, width = checked_ints("size", size, 1, count=2)
    if not isinstance(boxes, Tensor) or boxes.dim() != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be a float tensor (R, 4), got {describe(boxes)}")
    x0, y0, x1, y1 = boxes.to(torch.promote_types(boxes.dtype, torch.float32)).unbind(1)
    zero = torch.zeros_like(x0)
    theta = ((x1 - x0) / width, zero, (x0 + x1) / width - 1, zero, (y1 - y0) / height, (y0 + y1) / height - 1)
    return torch.stack(theta, 1).view(-1, 2, 3)


def sample_counts(length: Float[Tensor, "R 2"], bins: tuple[int, int]) -> Int64[Tensor, "R 2"]:
    """(rows, columns) of samples in each bin of a box of `length` (x, y) cells, when they adapt to its size."""
    return (length.detach().flip(1) / length.new_tensor(bins)).ceil().clamp(min=0).long()


def sample_points(
    start: Float[Tensor, " R"], length: Float[Tensor, " R"], bins: int, samples: int
) -> Float[Tensor, "R bins samples"]:
    """Where the samples stand along one axis, in cells: `samples` in each bin, at the middles of equal parts."""
    step = (length / bins)[:, None, None]
    p, i = torch.arange(bins, device=start.device)[:, None], torch.arange(samples, device=start.device)
    return start[:, None, None] + p * step + (i + 0.5) * step / samples


def _extent(cells: Float[Tensor, "R 4"], aligned: bool) -> tuple[Float[Tensor, "R 2"], Float[Tensor, "R 2"]]:
    """Upper left corner and size (x, y) of each box, on a map whose cell i stands at i."""
    if not isinstance(aligned, bool):
        raise TypeError(f"aligned must be True or False, got {aligned!r}")
    start, end = (cells - 0.5 if aligned else cells).split(2, dim=1)
    return start, end - start if aligned else (end - start).clamp(min=1)


def _read(
    features: Tensor, image: Tensor, start: Tensor, length: Tensor, bins: tuple[int, int], samples: tuple[int, int]
) -> Float[Tensor, "R C P Q"]:
    """RoIAlign of regions that all take the same number of samples (rows, columns) in each bin."""
    if 0 in samples:
        return features.new_zeros(len(image), features.shape[1], *bins)

    def axis(a: int, count: int, each: int, size: int) -> Axis:
        return lambda part: _few(axis_reads(sample_points(start[part, a], length[part, a], count, each), size), size)

    height, width = features.shape[2:]
    rows, columns = axis(1, bins[0], samples[0], height), axis(0, bins[1], samples[1], width)
    return weighted_reads(features, image, rows, columns)


def axis_reads(at: Float[Tensor, "R bins samples"], size: int | Int64[Tensor, " R"]) -> Reads:
    """Two cells per sample, weighted by nearness, so that a bin averages its samples.

    `size` is how many cells the map has along this axis, one number for all regions or one for each.
    """
    if isinstance(size, int):
        size = torch.full((), size, device=at.device)  # made there: a GPU would wait for a copy
    last = size.view(-1, 1, 1) - 1
    inside = (at >= -1) & (at <= last + 1)
    clamped = at.clamp(min=0).minimum(last.to(at.dtype))
    low = clamped.detach().nan_to_num().long()
    nearness = torch.stack([1 - (clamped - low), clamped - low], -1) * (inside.to(at.dtype) / at.shape[2])[..., None]
    cell = torch.stack([low, (low + 1).minimum(last)], -1)
    real = inside.repeat_interleave(2, 2)
    return Reads(cell.flatten(2), nearness.flatten(2), real)  # (R, bins, 2 * samples)


def _few(reads: Reads, size: int) -> Reads:
    """The same reads, where they are more than the map has cells with those of each cell added up."""
    if reads.cell.shape[2] <= size:
        return reads
    every_cell = torch.arange(size, device=reads.cell.device).expand(*reads.cell.shape[:2], size)
    weight, hits = reads.weight.new_zeros(every_cell.shape), reads.cell.new_zeros(every_cell.shape)
    hits = hits.scatter_add(2, reads.cell, reads.real.long())
    return Reads(every_cell, weight.scatter_add(2, reads.cell, reads.weight), hits > 0)
