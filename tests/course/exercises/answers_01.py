"""Right answers to the exercises of lesson 01, each by another method than the model answer."""

import itertools

import numpy as np
import torch
import torchvision
from matplotlib.path import Path
from pycocotools import mask as coco_mask


def boxes_by_torchvision(masks):
    boxes = torch.zeros(len(masks), 4)
    full = masks.flatten(1).any(1)
    if full.any():
        boxes[full] = torchvision.ops.masks_to_boxes(masks[full]) + torch.tensor([0.0, 0, 1, 1])
    return boxes


def boxes_in_lists(masks):
    boxes = []
    for mask in masks.tolist():
        rows = [i for i, row in enumerate(mask) if any(row)]
        columns = [j for j, column in enumerate(zip(*mask, strict=True)) if any(column)]
        boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if rows else [0, 0, 0, 0])
    return torch.tensor(boxes, dtype=torch.float32).view(-1, 4)


def ids_by_numpy(id_map):
    values, first, inverse = np.unique(id_map.numpy(), return_index=True, return_inverse=True)
    new, place = {}, 0
    for k in first.argsort():
        value = int(values[k])
        if value not in (0, 255):
            place += 1
        new[k] = value if value in (0, 255) else place
    return torch.tensor([new[k] for k in inverse.ravel().tolist()]).view(id_map.shape)


def ids_pixel_by_pixel(id_map):
    names = {0: 0, 255: 255}
    rows = []
    for row in id_map.tolist():
        rows.append([names.setdefault(number, len(names) - 1) for number in row])
    return torch.tensor(rows)


def labels_by_dictionary(picture, colours):
    table = {tuple(colour): label for label, colour in enumerate(colours)}
    table[224, 224, 192] = 255
    return torch.tensor([[table[tuple(pixel)] for pixel in row] for row in picture.tolist()])


def labels_by_codes(picture, colours):
    weights = torch.tensor([65536, 256, 1])
    codes = (picture.long() * weights).sum(2)
    table = (torch.tensor([*colours, (224, 224, 192)]) * weights).sum(1)
    found = (codes[:, :, None] == table).int().argmax(2)
    return torch.where(found == len(colours), 255, found)


def runs_by_differences(mask):
    pixels = torch.cat([torch.zeros(1, dtype=torch.bool), mask.T.flatten()])
    changes = (pixels[1:] != pixels[:-1]).nonzero()[:, 0].tolist()
    ends = [0, *changes, mask.numel()]
    return [b - a for a, b in itertools.pairwise(ends)]


def runs_by_pycocotools(mask):
    from lessons_lib.data.sets.coco_checks import run_lengths

    return run_lengths(coco_mask.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))["counts"]).tolist()


def runs_by_numpy(mask):
    pixels = mask.numpy().flatten(order="F").astype(int)
    starts = np.flatnonzero(np.diff(pixels)) + 1
    runs = np.diff([0, *starts, pixels.size]).tolist()
    return [0, *runs] if pixels[0] else runs


def polygon_by_matplotlib(corners, size):
    """Its rule is non-zero winding, so shapes that cross themselves go by the parity of the crossings instead."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    points = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], 1)
    first = corners[0].tolist()
    parity = np.zeros(len(points), dtype=bool)
    for a, b in zip(corners[1:].tolist(), corners[2:].tolist(), strict=False):
        parity ^= Path([first, a, b]).contains_points(points)  # a fan of triangles, overlaps cancel
    return torch.from_numpy(parity.reshape(size))


def polygon_pixel_by_pixel(corners, size):
    ends = corners.tolist()
    edges = list(zip(ends, ends[1:] + ends[:1], strict=True))

    def inside(x, y):
        crossings = 0
        for (x0, y0), (x1, y1) in edges:
            if (y0 > y) != (y1 > y) and x < x0 + (x1 - x0) * (y - y0) / (y1 - y0):
                crossings += 1
        return crossings % 2 == 1

    rows = [[inside(j + 0.5, i + 0.5) for j in range(size[1])] for i in range(size[0])]
    return torch.tensor(rows)


ANSWERS = {
    "01.1": [boxes_by_torchvision, boxes_in_lists],
    "01.2": [ids_by_numpy, ids_pixel_by_pixel],
    "01.3": [labels_by_dictionary, labels_by_codes],
    "01.4": [runs_by_differences, runs_by_pycocotools, runs_by_numpy],
    "01.5": [polygon_by_matplotlib, polygon_pixel_by_pixel],
}
