"""AP from scratch against pycocotools and faster-coco-eval, boxes and masks: `python -m benchmarks.average_precision`.

The peers' time is that of `evaluate` and `accumulate` alone, their index being built before. Ours is everything: the
IoU of each image, sorting, matching, and the twelve numbers. All get the same boxes or run lengths, and take turns.
faster-coco-eval, in C++, is no part of the course's installation: `pip install faster-coco-eval` puts it beside.
"""

import argparse
import contextlib
import copy
import io
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.coco import KINDS, results_json, truth_json
from lessons_lib.metrics.detection import NUMBERS, DetectionScores
from lessons_lib.ops.masks import encode_rle, pairwise_rle_ious
from lessons_lib.terminal import run

try:
    import faster_coco_eval
except ImportError:
    faster_coco_eval = None

GOALS = {"pycocotools": 0.15, "faster-coco-eval": 1.0}
"""Share of each peer's time that the AP from scratch may take."""


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
    gt = COCO()
    gt.dataset = truth
    gt.createIndex()
    return scored(COCOeval(gt, gt.loadRes(results), KINDS[kind]))


def by_faster(truth: dict, results: list[dict], kind: str) -> tuple[float, dict[str, float]]:
    """The same by faster-coco-eval."""
    gt = faster_coco_eval.COCO(truth)
    return scored(faster_coco_eval.COCOeval_faster(gt, gt.loadRes(results), KINDS[kind]))


def scored(scorer: COCOeval) -> tuple[float, dict[str, float]]:
    start = time.process_time()
    scorer.evaluate()
    scorer.accumulate()
    seconds = time.process_time() - start
    scorer.summarize()
    return seconds, dict(zip(NUMBERS, [float(value) for value in scorer.stats[:12]], strict=True))


def by_ours(pictures: list[tuple], kind: str) -> tuple[float, dict[str, float]]:
    """Processor seconds of everything, and the twelve numbers."""
    start = time.process_time()
    scores = DetectionScores(kind)
    if kind == "box":
        for found, target, areas in pictures:
            scores.update(found, target, areas)
    else:
        ious = pairwise_rle_ious([(found["rles"], target["rles"], target["is_crowd"]) for found, target, _ in pictures])
        for iou, (found, target, areas) in zip(ious, pictures, strict=True):
            scores.add(iou, *found["rest"], target["labels"], areas, target["is_crowd"])
    numbers = scores.compute()
    return time.process_time() - start, numbers


def prepared(pairs: list[tuple[Instances, Instances]], kind: str) -> list[tuple]:
    """What `by_ours` reads of each image: boxes or run lengths, and the rest."""
    pictures = []
    for found, target in pairs:
        areas = target.masks.sum((1, 2))
        if kind == "box":
            pictures.append((replace(found, masks=None), replace(target, masks=None), areas))
            continue
        rest = (found.scores, found.labels, found.masks.sum((1, 2)))
        objects = {"rles": encode_rle(target.masks), "labels": target.labels, "is_crowd": target.is_crowd}
        pictures.append(({"rles": encode_rle(found.masks), "rest": rest}, objects, areas))
    return pictures


def compare(options: argparse.Namespace, classes: int) -> None:
    """The ratios of times for boxes and for masks, and the largest difference of the numbers."""
    generator = torch.Generator().manual_seed(0)
    shape = (options.objects, options.detections, classes, options.size)
    pairs = [picture(*shape, generator) for _ in range(options.images)]
    truth, results = truth_json([target for _, target in pairs]), results_json([found for found, _ in pairs])
    peers: dict[str, Callable] = {"pycocotools": by_pycocotools}
    if faster_coco_eval is not None:
        peers["faster-coco-eval"] = by_faster
    for kind in ("box", "mask"):
        pictures = prepared(pairs, kind)
        field = "segmentation" if kind == "mask" else "bbox"
        plain = [{name: result[name] for name in ("image_id", "category_id", "score", field)} for result in results]
        by_ours(pictures[:2], kind)
        runs: dict[str, list[tuple[float, dict[str, float]]]] = {name: [] for name in ("ours", *peers)}
        with contextlib.redirect_stdout(io.StringIO()):
            for _ in range(options.rounds):
                runs["ours"].append(by_ours(pictures, kind))
                for name, peer in peers.items():
                    runs[name].append(peer(copy.deepcopy(truth), copy.deepcopy(plain), kind))
        ours, numbers = min(runs["ours"], key=lambda run: run[0])
        print(f"{classes} classes, {kind}: from scratch {ours:.2f} s, AP {numbers['ap']:.3f}")
        for name in peers:
            theirs, want = min(runs[name], key=lambda run: run[0])
            difference = max(abs(numbers[number] - want[number]) for number in NUMBERS if want[number] > -1)
            print(f"    {name:17s} {theirs:.2f} s: ratio {ours / theirs:.2f} (goal ≤ {GOALS[name]})", end=", ")
            print(f"largest difference {difference:.0e}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Print ratios and differences, for one class and for many."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.average_precision", description=__doc__.split(":")[0])
    for name, default in (("images", 500), ("detections", 20), ("objects", 10), ("size", 256), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"{options.images} images of {options.size}² px", end=", ")
    print(f"{options.detections} detections and {options.objects} objects each, one thread")
    if faster_coco_eval is None:
        print("without faster-coco-eval: it is not installed (pip install faster-coco-eval)")
    for classes in (1, 80):
        compare(options, classes)


if __name__ == "__main__":
    sys.exit(run(main))
