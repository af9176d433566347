"""AP from scratch against pycocotools, boxes and masks: `python -m benchmarks.average_precision`.

pycocotools' time is that of `evaluate` and `accumulate` alone, its index being built before. Ours is everything: the
IoU of each picture, sorting, matching, and the twelve numbers. Both get the same boxes or run lengths.
"""

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Callable

import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.coco import KINDS, results_json, truth_json
from lessons_lib.metrics.detection import NUMBERS, DetectionScores
from lessons_lib.ops.boxes import box_areas, pairwise_box_iou
from lessons_lib.ops.masks import encode_rle, pairwise_rle_iou
from lessons_lib.terminal import run

SPEED_GOAL = 0.33
"""Share of pycocotools' time that the AP from scratch may take."""


def instances(boxes: Tensor, labels: Tensor, size: int, luck: Tensor, found: bool) -> Instances:
    """Objects with rectangular masks: detections, scored by luck, or ground truth, one in twenty a crowd."""
    masks = torch.zeros(len(boxes), size, size, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes.long().tolist(), strict=True):
        mask[y0:y1, x0:x1] = True
    if found:
        return Instances(boxes, labels, masks, scores=luck)
    return Instances(boxes, labels, masks, is_crowd=luck < 0.05)


def picture(objects: int, detections: int, classes: int, size: int, generator: torch.Generator) -> tuple:
    """(prediction, target): objects anywhere, and detections that are objects moved by a few pixels."""
    start = torch.rand(objects, 2, generator=generator) * size * 0.8
    sides = size * (0.02 + 0.4 * torch.rand(objects, 2, generator=generator))
    boxes = torch.cat([start, start + sides], 1).round().clamp(0, size)
    boxes[:, 2:] = torch.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    labels = torch.randint(1, classes + 1, (objects,), generator=generator)
    which = torch.randint(0, objects, (detections,), generator=generator)
    shift = torch.randn(detections, 4, generator=generator) * size * 0.02
    moved = (boxes[which] + shift).round().clamp(0, size)
    moved[:, 2:] = torch.maximum(moved[:, 2:], moved[:, :2] + 1)
    luck = torch.rand(objects + detections, generator=generator)
    target = instances(boxes, labels, size, luck[:objects], found=False)
    return instances(moved, labels[which], size, luck[objects:], found=True), target


def by_pycocotools(truth: dict, results: list[dict], kind: str) -> tuple[float, dict[str, float]]:
    """Processor seconds of evaluate and accumulate, and the twelve numbers."""
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = truth
        gt.createIndex()
        field = "segmentation" if kind == "mask" else "bbox"
        used = ("image_id", "category_id", "score", field)
        scorer = COCOeval(gt, gt.loadRes([{name: result[name] for name in used} for result in results]), KINDS[kind])
        start = time.process_time()
        scorer.evaluate()
        scorer.accumulate()
        seconds = time.process_time() - start
        scorer.summarize()
    return seconds, dict(zip(NUMBERS, scorer.stats.tolist(), strict=True))


def by_ours(pictures: list[dict], iou: Callable, kind: str) -> tuple[float, dict[str, float]]:
    """Processor seconds of everything, and the twelve numbers."""
    start = time.process_time()
    scores = DetectionScores(kind)
    for one in pictures:
        scores.add(iou(*one["shapes"], one["is_crowd"]), *one["rest"], one["is_crowd"])
    numbers = scores.compute()
    return time.process_time() - start, numbers


def main(arguments: list[str] | None = None) -> None:
    """Print the ratio of times for boxes and for masks, and the largest difference of the numbers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.average_precision", description=__doc__.split(":")[0])
    for name, default in (("images", 500), ("detections", 20), ("objects", 10), ("classes", 1), ("size", 256)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    shape = (options.objects, options.detections, options.classes, options.size)
    pairs = [picture(*shape, generator) for _ in range(options.images)]
    truth, results = truth_json([target for _, target in pairs]), results_json([found for found, _ in pairs])
    print(f"{options.images} pictures of {options.size}² px", end=", ")
    print(f"{options.detections} detections and {options.objects} objects each, {options.classes} classes, one thread")
    for kind, iou in (("box", pairwise_box_iou), ("mask", pairwise_rle_iou)):
        pictures = []
        for found, target in pairs:
            if kind == "box":
                shapes = (found.boxes.double(), target.boxes.double())
                areas = box_areas(shapes[0])
            else:
                shapes = (encode_rle(found.masks), encode_rle(target.masks))
                areas = found.masks.sum((1, 2))
            rest = (found.scores, found.labels, areas, target.labels, target.masks.sum((1, 2)))
            pictures.append({"shapes": shapes, "rest": rest, "is_crowd": target.is_crowd})
        by_ours(pictures[:2], iou, kind)
        ours, numbers = min((by_ours(pictures, iou, kind) for _ in range(3)), key=lambda run: run[0])
        theirs, want = min((by_pycocotools(truth, results, kind) for _ in range(3)), key=lambda run: run[0])
        difference = max(abs(numbers[name] - want[name]) for name in NUMBERS if want[name] > -1)
        print(f"{kind}: from scratch {ours:.2f} s, pycocotools {theirs:.2f} s: {ours / theirs:.2f}×", end=" ")
        print(f"(goal ≤ {SPEED_GOAL}×), AP {numbers['ap']:.3f}, largest difference {difference:.0e}", flush=True)


if __name__ == "__main__":
    sys.exit(run(main))
