"""Pictures for the tests of AP: objects and detections made up at random, or by hand."""

import torch

from lessons_lib.data.sample import Instances


def instances(boxes, labels, size=160, scores=None, is_crowd=None, discs=False):
    """Objects with rectangular or elliptic masks in their boxes, which hold whole numbers."""
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    y, x = torch.arange(size)[:, None] + 0.5, torch.arange(size) + 0.5
    x0, y0, x1, y1 = (side[:, None, None] for side in boxes.unbind(1))
    masks = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    if discs:
        masks &= ((2 * x - x0 - x1) / (x1 - x0)) ** 2 + ((2 * y - y0 - y1) / (y1 - y0)) ** 2 <= 1
    return Instances(
        boxes,
        torch.tensor(labels, dtype=torch.int64),
        masks,
        scores=None if scores is None else torch.tensor(scores, dtype=torch.float32),
        is_crowd=None if is_crowd is None else torch.tensor(is_crowd, dtype=torch.bool),
    )


def random_pictures(seed, count=3, classes=3, size=160):
    """(prediction, target) pairs: crowds, objects of every size; detections moved, twice, of nothing; tied scores."""
    generator = torch.Generator().manual_seed(seed)

    def numbers(most, *shape):
        return torch.randint(0, most + 1, shape, generator=generator)

    pairs = []
    for _ in range(count):
        objects, wild, copies = (int(n) for n in numbers(6, 3))
        start = numbers(size - 2, objects + wild, 2) // (1 + 4 * numbers(1, objects + wild, 1))
        part = 1 + numbers(9, objects + wild, 1) * numbers(1, objects + wild, 1)  # half are large
        sides = 1 + (size // 2 + numbers(size // 2, objects + wild, 2)) // part
        boxes = torch.cat([start, (start + sides).clamp(max=size)], 1)
        labels = 1 + numbers(classes - 1, objects + wild)
        which = torch.cat([torch.arange(objects + wild), numbers(max(objects - 1, 0), copies if objects else 0)])
        moved = (boxes[which] + numbers(8, len(which), 4) - 4).clamp(0, size)
        moved[:, :2] = torch.minimum(moved[:, :2], torch.tensor(size - 1))
        moved[:, 2:] = torch.maximum(moved[:, 2:], moved[:, :2] + 1)
        crowd = numbers(3, objects) == 0
        scores = numbers(10, len(which)) / 10
        found = labels[which].where(numbers(9, len(which)) > 0, 1)
        prediction = instances(moved.tolist(), found.tolist(), size, scores.tolist(), discs=True)
        own = boxes[:objects].tolist(), labels[:objects].tolist()
        pairs.append((prediction, instances(*own, size, is_crowd=crowd.tolist(), discs=True)))
    return pairs
