"""Right answers to lesson 20, each by another method than the model: they all must pass."""

import numpy as np
import torch
from torch.nn import functional as F


def objects_by_loop(record, file_name):
    image = next(entry["id"] for entry in record["images"] if entry["file_name"] == file_name)
    order = sorted(entry["id"] for entry in record["categories"])
    boxes, labels = [], []
    for entry in record["annotations"]:
        if entry["image_id"] == image:
            x, y, width, height = entry["bbox"]
            boxes.append([x, y, x + width, y + height])
            labels.append(order.index(entry["category_id"]) + 1)
    return torch.tensor(boxes).reshape(len(boxes), 4), torch.tensor(labels, dtype=torch.long)


def objects_by_numpy(record, file_name):
    ids = np.sort([entry["id"] for entry in record["categories"]])
    image = {entry["file_name"]: entry["id"] for entry in record["images"]}[file_name]
    own = [entry for entry in record["annotations"] if entry["image_id"] == image]
    boxes = np.array([entry["bbox"] for entry in own], dtype=np.float32).reshape(-1, 4)
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    labels = np.searchsorted(ids, [entry["category_id"] for entry in own]) + 1
    return torch.from_numpy(corners), torch.from_numpy(labels.astype(np.int64))


def leaks_by_numbers(train, val, most=5):
    def number(image):
        small = F.adaptive_avg_pool2d(image.mean(0, keepdim=True), (8, 9))[0]
        return int("".join("1" if bit else "0" for bit in (small.diff(dim=1) > 0).flatten().tolist()), 2)

    first, second = [number(image) for image in train], [number(image) for image in val]
    return [(i, j) for i, a in enumerate(first) for j, b in enumerate(second) if (a ^ b).bit_count() <= most]


def leaks_at_once(train, val, most=5):
    if not train or not val:
        return []

    def signs(images):
        small = torch.stack([F.adaptive_avg_pool2d(image.sum(0)[None], (8, 9))[0] for image in images])
        return (small.diff(dim=2) > 0).flatten(1).float()

    distance = torch.cdist(signs(train), signs(val), p=1).round()
    return [tuple(pair) for pair in (distance <= most).nonzero().tolist()]


def begin_by_copying(model, weights, heads):
    left = []
    for name, tensor in model.state_dict().items():
        layer, _, _ = name.rpartition(".")
        if layer in heads:
            left.append(name)
        else:
            tensor.copy_(weights[name])
    return left


def begin_by_merging(model, weights, heads):
    own = model.state_dict()
    fresh = {name: tensor for name, tensor in own.items() if any(name == f"{h}.{name.split('.')[-1]}" for h in heads)}
    model.load_state_dict({**weights, **fresh})
    return list(fresh)


def quality_by_lists(tables):
    found = []
    for table in tables:
        left, total = set(range(table.shape[1])), 0.0
        for row in table.tolist():
            value, place = max(((row[column], -column) for column in left), default=(0.0, 0))
            if value > 0.5:
                left.discard(-place)
                total += value
        whole = sum(table.shape)
        found.append(2 * total / whole if whole else 1.0)
    return found


def quality_by_masking(tables):
    found = []
    for table in tables:
        table, sizes, total = table.clone(), sum(table.shape), 0.0
        for i in range(table.shape[0]):
            if table.shape[1] and table[i].max() > 0.5:
                j = table[i].argmax()
                total += float(table[i, j])
                table[:, j] = 0
        found.append(1.0 if sizes == 0 else total / (sizes / 2))
    return found


def repaired_by_loop(results, truth):
    order = sorted(category["id"] for category in truth["categories"])
    fixed = []
    for entry in results:
        copy = dict(entry)
        copy["image_id"] = next(image["id"] for image in truth["images"] if image["file_name"] == entry["image_id"])
        copy["category_id"] = order[entry["category_id"] - 1]
        left, top, right, bottom = entry["bbox"]
        copy["bbox"] = [left, top, right - left, bottom - top]
        fixed.append(copy)
    return fixed


def repaired_by_tables(results, truth):
    images = {image["file_name"]: image["id"] for image in truth["images"]}
    categories = dict(enumerate(sorted({category["id"] for category in truth["categories"]}), start=1))

    def box(corners):
        corners = np.array(corners)
        return [*corners[:2].tolist(), *(corners[2:] - corners[:2]).tolist()]

    return [
        {
            "image_id": images[e["image_id"]],
            "category_id": categories[e["category_id"]],
            "bbox": box(e["bbox"]),
            "score": e["score"],
        }
        for e in results
    ]


def tiles_by_walking(length, tile, overlap):
    if length <= tile:
        return [(0, length)]
    found, start = [], 0
    while start + tile < length:
        found.append((start, start + tile))
        start += tile - overlap
    return [*found, (length - tile, length)]


def tiles_by_counting(length, tile, overlap):
    tile = min(tile, length)
    count = 1 if length == tile else 1 + -(-(length - tile) // (tile - overlap))
    return [(s := min(k * (tile - overlap), length - tile), s + tile) for k in range(count)]


ANSWERS = {
    "20.1": [objects_by_loop, objects_by_numpy],
    "20.2": [leaks_by_numbers, leaks_at_once],
    "20.3": [begin_by_copying, begin_by_merging],
    "20.4": [quality_by_lists, quality_by_masking],
    "20.5": [repaired_by_loop, repaired_by_tables],
    "20.6": [tiles_by_walking, tiles_by_counting],
}
