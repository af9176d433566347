"""Scenes written as each annotation tool writes them: the smallest writer of each layout, for tests alone."""

import base64
import io
import json
from itertools import groupby

import numpy as np
import torch
from PIL import Image
from torchvision.utils import save_image

from lessons_lib.data.scenes import CLASSES
from lessons_lib.data.scenes.config import THINGS
from lessons_lib.ops.masks import encode_rle


def save(root, name, content):
    """A file, with its folders: an image, text, or a record for JSON."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, torch.Tensor) and content.is_floating_point():
        save_image(content, file)
    elif isinstance(content, torch.Tensor):
        Image.fromarray(content.byte().numpy()).save(file)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def corners(box):
    x0, y0, x1, y1 = box
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def objects(sample):
    """Class, mask and box of each object."""
    instances = sample.instances
    names = [CLASSES[label] for label in instances.labels.tolist()]
    return list(zip(names, instances.masks, instances.boxes.tolist(), strict=True))


def coco_json(root, samples):
    images, annotations = [], []
    for number, sample in enumerate(samples):
        save(root, f"train/{number}.png", sample.image)
        height, width = sample.label_map.shape
        images.append({"id": number, "file_name": f"{number}.png", "height": height, "width": width})
        for name, mask, (x0, y0, x1, y1) in objects(sample):
            entry = {"id": len(annotations), "image_id": number, "category_id": CLASSES.index(name)}
            shape = {"segmentation": encode_rle(mask[None])[0], "bbox": [x0, y0, x1 - x0, y1 - y0]}
            annotations.append(entry | shape)
    categories = [{"id": label, "name": CLASSES[label]} for label in range(1, len(THINGS) + 1)]
    record = {"images": images, "annotations": annotations, "categories": categories}
    save(root, "train/_annotations.coco.json", record)


def labelme(root, samples):
    for number, sample in enumerate(samples):
        save(root, f"{number}.png", sample.image)
        shapes = []
        for name, mask, (x0, y0, x1, y1) in objects(sample):
            part, content = mask[int(y0) : int(y1), int(x0) : int(x1)], io.BytesIO()
            Image.fromarray(part.numpy().astype(np.uint8) * 255).save(content, "PNG")
            shape = {"label": name, "shape_type": "mask", "points": [[x0, y0], [x1 - 1, y1 - 1]]}
            shapes.append(shape | {"group_id": None, "mask": base64.b64encode(content.getvalue()).decode()})
        height, width = sample.label_map.shape
        sides = {"imageHeight": height, "imageWidth": width}
        save(root, f"{number}.json", {"shapes": shapes, "imagePath": f"{number}.png", "imageData": None} | sides)


def via(root, samples):
    record = {}
    for number, sample in enumerate(samples):
        save(root, f"{number}.png", sample.image)
        regions = []
        for name, _, box in objects(sample):
            xs, ys = corners(box)[0::2], corners(box)[1::2]
            shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
            regions.append({"shape_attributes": shape, "region_attributes": {"class": name}})
        record[f"{number}.png"] = {"filename": f"{number}.png", "size": -1, "regions": regions}
    save(root, "via_region_data.json", record)


def cvat_xml(root, samples):
    entries = []
    for number, sample in enumerate(samples):
        save(root, f"images/{number}.png", sample.image)
        masks = []
        for name, mask, (x0, y0, x1, y1) in objects(sample):
            bits = mask[int(y0) : int(y1), int(x0) : int(x1)].flatten().tolist()
            runs = [len(list(run)) for _, run in groupby(bits)]
            text = ", ".join(map(str, runs if not bits[0] else [0, *runs]))
            place = f'left="{x0:.0f}" top="{y0:.0f}" width="{x1 - x0:.0f}" height="{y1 - y0:.0f}"'
            masks.append(f'<mask label="{name}" rle="{text}" {place}/>')
        height, width = sample.label_map.shape
        entries.append(f'<image name="{number}.png" width="{width}" height="{height}">{"".join(masks)}</image>')
    save(root, "annotations.xml", f"<annotations>{''.join(entries)}</annotations>")


def yolo(root, samples):
    for number, sample in enumerate(samples):
        save(root, f"images/{number}.png", sample.image)
        height, width = sample.label_map.shape
        lines = []
        for name, _, box in objects(sample):
            shares = [value / (height if i % 2 else width) for i, value in enumerate(corners(box))]
            lines.append(" ".join(map(str, [CLASSES.index(name), *shares])))
        save(root, f"labels/{number}.txt", "\n".join(lines))
    save(root, "data.yaml", "names:\n" + "".join(f"- {name}\n" for name in CLASSES))


def mask_folders(root, samples):
    for number, sample in enumerate(samples):
        save(root, f"images/{number}.png", sample.image)
        save(root, f"masks/{number}_mask.png", sample.label_map)
    save(root, "classes.txt", "background\n" + "\n".join(CLASSES[1:]))


def object_masks(root, samples):
    for number, sample in enumerate(samples):
        save(root, f"scene {number}/images/a.png", sample.image)
        for i, mask in enumerate(sample.instances.masks):
            save(root, f"scene {number}/masks/{i}.png", mask * 255)


def voc_folders(root, samples):
    for number, sample in enumerate(samples):
        save(root, f"JPEGImages/{number}.png", sample.image)
        save(root, f"SegmentationClass/{number}.png", sample.label_map)
        numbers = torch.zeros_like(sample.label_map)
        for i, mask in enumerate(sample.instances.masks, start=1):
            numbers[mask] = i
        save(root, f"SegmentationObject/{number}.png", numbers)
    save(root, "class_names.txt", "_background_\n" + "\n".join(CLASSES[1:]))


def voc_xml(root, samples):
    for number, sample in enumerate(samples):
        save(root, f"{number}.png", sample.image)
        found = []
        for name, _, (x0, y0, x1, y1) in objects(sample):
            box = zip(("xmin", "ymin", "xmax", "ymax"), (x0 + 1, y0 + 1, x1, y1), strict=True)
            sides = "".join(f"<{side}>{value:.0f}</{side}>" for side, value in box)
            found.append(f"<object><name>{name}</name><bndbox>{sides}</bndbox></object>")
        save(root, f"{number}.xml", f"<annotation><filename>{number}.png</filename>{''.join(found)}</annotation>")


WRITERS = {
    writer.__name__: writer
    for writer in (coco_json, labelme, via, cvat_xml, yolo, mask_folders, object_masks, voc_folders, voc_xml)
}
