"""Right answers to lesson 12, each by another method than the model: they all must pass."""

import torch
import torch.nn.functional as F
from torchvision import ops


def by_where(x):
    away = torch.where(x < 0, x.floor(), x.ceil())
    return torch.where((x - x.trunc()).abs() < 0.5, x.trunc(), away)


def by_modulus(x):
    rest = x.fmod(1)
    return (x - rest) + (rest >= 0.5).to(x.dtype) - (rest <= -0.5).to(x.dtype)


def by_torchvision_pool(features, boxes, output_size, spatial_scale):
    return ops.roi_pool(features, boxes, output_size, spatial_scale)


def by_masks(features, boxes, output_size, spatial_scale):
    """Every bin as a mask over the whole map."""
    out = []
    for box in boxes:
        cells = (box[1:] * spatial_scale).tolist()
        x0, y0, x1, y1 = (int(abs(v) + 0.5) * (1 if v > 0 else -1) for v in cells)
        inside = []
        for low, high, bins, size in ((y0, y1, output_size[0], 2), (x0, x1, output_size[1], 3)):
            length, at = max(high - low + 1, 1), torch.arange(features.shape[size]) - low
            p = torch.arange(bins)[:, None]
            inside.append((at >= p * length // bins) & (at < -((p + 1) * length // -bins)))
        mask = inside[0][:, None, :, None] & inside[1][None, :, None, :]  # (P, Q, H, W)
        values = features[int(box[0])][:, None, None].masked_fill(~mask, -torch.inf).amax((3, 4))
        out.append(values.masked_fill(~mask.any(3).any(2), 0))
    return torch.stack(out)


def by_tents(image, y, x):
    """Every cell, weighted by how near it is."""
    height, width = image.shape[1:]
    inside = bool(-1 <= y <= height and -1 <= x <= width)
    rows = (1 - (torch.arange(height) - y.clamp(0, height - 1)).abs()).clamp(min=0)
    columns = (1 - (torch.arange(width) - x.clamp(0, width - 1)).abs()).clamp(min=0)
    return torch.einsum("chw,h,w->c", image, rows, columns) * inside


def by_grid_sample(image, y, x):
    height, width = image.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return image.new_zeros(len(image))
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1]).view(1, 1, 1, 2)
    return F.grid_sample(image[None], grid, padding_mode="border", align_corners=True).view(-1)


def by_one_row_of_parts(start, length, bins, samples):
    parts = (torch.arange(bins * samples, dtype=start.dtype) + 0.5) / (bins * samples)
    return (start[:, None] + parts * length[:, None]).unflatten(1, (bins, samples))


def by_edges(start, length, bins, samples):
    edges = torch.linspace(0, 1, bins * samples + 1, dtype=start.dtype)
    middles = (edges[:-1] + edges[1:]) / 2
    return torch.stack([a + b * middles for a, b in zip(start, length, strict=True)]).view(-1, bins, samples)


def by_grid_samples(features, boxes, output_size, spatial_scale, sampling_ratio, aligned):
    """All samples of a box by grid_sample, whose border is cut off by hand: torchvision gives a box no gradient."""
    (P, Q), n, out = output_size, sampling_ratio, []
    height, width = features.shape[2:]
    for box in boxes:
        x0, y0, x1, y1 = box[1:] * spatial_scale - 0.5
        ys = y0 + (torch.arange(P * n) + 0.5) / (P * n) * (y1 - y0)
        xs = x0 + (torch.arange(Q * n) + 0.5) / (Q * n) * (x1 - x0)
        inside = ((ys >= -1) & (ys <= height))[:, None] & (xs >= -1) & (xs <= width)
        grid = torch.stack(torch.broadcast_tensors(2 * xs / (width - 1) - 1, (2 * ys / (height - 1) - 1)[:, None]), -1)
        image = features[int(box[0])][None]
        samples = F.grid_sample(image, grid[None], padding_mode="border", align_corners=True)[0] * inside
        out.append(F.avg_pool2d(samples, n))
    return torch.stack(out)


def by_two_matrices(features, boxes, output_size, spatial_scale, sampling_ratio, aligned):
    """A box never turns, so RoIAlign is Y · F · Xᵀ: one small matrix for the rows and one for the columns."""
    out = []
    for box in boxes:
        x0, y0, x1, y1 = box[1:] * spatial_scale - 0.5
        sides = []
        for low, high, bins, size in ((y0, y1, output_size[0], 2), (x0, x1, output_size[1], 3)):
            count, cells = bins * sampling_ratio, features.shape[size]
            at = low + (torch.arange(count) + 0.5) * (high - low) / count
            nearness = (1 - (at.clamp(0, cells - 1)[:, None] - torch.arange(cells)).abs()).clamp(min=0)
            nearness = nearness * ((at >= -1) & (at <= cells))[:, None]
            sides.append(nearness.view(bins, sampling_ratio, cells).mean(1))
        out.append(sides[0] @ features[int(box[0])] @ sides[1].T)
    return torch.stack(out)


def by_two_points(boxes, size):
    """θ from where it takes −1 and 1."""
    extent = boxes.new_tensor([size[1], size[0]])
    low, high = 2 * boxes[:, :2] / extent - 1, 2 * boxes[:, 2:] / extent - 1
    return torch.cat([torch.diag_embed((high - low) / 2), ((high + low) / 2)[:, :, None]], 2)


def by_composing(boxes, size):
    """Square → box → map, as products of 3×3 matrices."""
    matrices = []
    for x0, y0, x1, y1 in boxes:
        zero, one = torch.zeros_like(x0), torch.ones_like(x0)
        to_box = torch.stack([(x1 - x0) / 2, zero, (x0 + x1) / 2, zero, (y1 - y0) / 2, (y0 + y1) / 2, zero, zero, one])
        to_map = boxes.new_tensor([[2 / size[1], 0, -1], [0, 2 / size[0], -1]])
        matrices.append(to_map @ to_box.view(3, 3))
    return torch.stack(matrices)


def by_adding_before_cutting(x):
    """Right up to the largest number below a half, which the exercise does not ask for."""
    return x.sign() * (x.abs() + 0.5).floor()


ANSWERS = {
    "12.1": [by_where, by_modulus, by_adding_before_cutting],
    "12.2": [by_torchvision_pool, by_masks],
    "12.3": [by_tents, by_grid_sample],
    "12.4": [by_one_row_of_parts, by_edges],
    "12.5": [by_grid_samples, by_two_matrices],
    "12.6": [by_two_points, by_composing],
}
