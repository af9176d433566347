"""Ours and torchvision's detections side by side: `python -m benchmarks.torchvision_parity FOLDER` of photographs.

Both models have the same weights: random ones, but scaled so that they find something, since trained ones are a
download. In float64 (`--precision 64`) all detections have to agree. In float32 a few do not, on any two programs that
sum in another order: where two confidences, or an overlap and its threshold, agree to the last digit, rounding decides
which box stays. `--torchvision` then shows as many differences between torchvision in float32 and in float64.
"""

import argparse
import copy
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import detection

from lessons_lib.data.files import read_photo
from lessons_lib.data.sample import Instances
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.torchvision_weights import DETECTORS, load_torchvision, torchvision_detector
from lessons_lib.terminal import run

NEAR, SURE = 0.01, 1e-4
"""Detections are the same where labels are equal, boxes within so many pixels and confidences within so much."""


@dataclass(frozen=True)
class Compared:
    """How many detections there are, how many of them only one side has, and the largest differences of the others."""

    count: int
    alone: int
    pixels: float
    confidence: float


def pair(
    name: str, size: int = 800, dtype: torch.dtype = torch.float64, proposals: int = 1000
) -> tuple[nn.Module, FasterRCNN]:
    """torchvision's model with random weights that find something, and ours with the same, in `dtype`.

    size: to which the shorter side of an image is brought. proposals: of an image, for both heads. Statistics of
    BatchNorm are those of a scene; the last layers are scaled so that their outputs spread as a trained model's do:
    confidences from 0 to 1, and boxes that move by a part of their size.
    """
    torch.manual_seed(0)
    theirs = getattr(detection, name)(weights=None, weights_backbone=None, min_size=size, max_size=1333)
    for layer in theirs.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the statistics of all that it has seen
    images = theirs.transform([draw_scenes([0], replace(PRESETS["easy"], size=256))[0].image], None)[0].tensors
    images = nn.functional.interpolate(images, (256, 256))
    start = torch.rand(64, 2) * 150
    boxes = [torch.cat([start, start + 10 + torch.rand(64, 2) * 100], 1)]
    head, predictor = theirs.rpn.head, theirs.roi_heads.box_predictor
    with torch.no_grad():
        for mode in (True, False):
            theirs.train(mode)
            maps = theirs.backbone(images)
            vectors = theirs.roi_heads.box_head(theirs.roi_heads.box_roi_pool(maps, boxes, [(256, 256)]))
        outputs = [torch.cat([x.flatten() for x in kind]) for kind in head([*maps.values()])]
        layers = (head.cls_logits, head.bbox_pred, predictor.cls_score, predictor.bbox_pred)
        for layer, output, spread in zip(layers, (*outputs, *predictor(vectors)), (0.7, 0.2, 1.0, 0.7), strict=True):
            layer.weight.mul_(spread / (output - layer.bias.mean()).std())
            layer.bias.zero_()
    ours = torchvision_detector(name).eval()
    load_torchvision(ours, theirs.eval().state_dict())
    ours.config = replace(ours.config, short_side=size, after_nms=(2000, proposals))
    theirs.rpn._post_nms_top_n["testing"] = proposals
    theirs, ours = theirs.to(dtype), ours.to(dtype)
    for own, exact in ((ours.first.mean, theirs.transform.image_mean), (ours.first.std, theirs.transform.image_std)):
        own.copy_(torch.tensor(exact, dtype=dtype).view_as(own))  # ours had been rounded to float32
    return theirs, ours


def differences(theirs: nn.Module, ours: FasterRCNN, image: Tensor) -> Compared:
    """Both models on one image."""
    with torch.inference_mode():
        want = theirs([image])[0]
    (got,) = ours.predict([image])
    return compared(want, {"boxes": got.boxes, "labels": got.labels, "scores": got.scores})


def compared(first: dict[str, Tensor], second: dict[str, Tensor]) -> Compared:
    """Each detection of the first beside its twin in the second: of equal label, and sure and near as said above."""
    a, b = (Instances(x["boxes"].float(), x["labels"], None, x["scores"].float()) for x in (first, second))
    pixels = (a.boxes[:, None] - b.boxes).abs().amax(2)
    confidence = (a.scores[:, None] - b.scores).abs()
    twins = (a.labels[:, None] == b.labels) & (pixels < NEAR) & (confidence < SURE)
    alone = max(int((~twins.any(axis)).sum()) for axis in (0, 1))
    largest = [x[twins].max().item() if twins.any() else 0.0 for x in (pixels, confidence)]
    return Compared(len(a), alone, *largest)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each photograph with differences, and the sum of all; returns 1 where there are any in float64."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torchvision_parity", description=__doc__.split(":")[0])
    parser.add_argument("folder", type=Path, help="of photographs, .jpg, at any depth")
    parser.add_argument("--model", choices=DETECTORS, default=DETECTORS[0])
    parser.add_argument("--size", type=int, default=320, help="to which the shorter side is brought")
    parser.add_argument("--proposals", type=int, default=1000, help="of an image, in both")
    parser.add_argument("--precision", type=int, choices=(32, 64), default=64)
    parser.add_argument("--torchvision", action="store_true", help="compare torchvision with itself in float64 instead")
    parser.add_argument("--count", type=int, help="only so many photographs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    dtype = torch.float64 if options.precision == 64 else torch.float32
    theirs, ours = pair(options.model, options.size, dtype, options.proposals)
    exact = copy.deepcopy(theirs).double()
    found = []
    for path in sorted(options.folder.rglob("*.jpg"))[: options.count]:
        image = read_photo(path)
        if options.torchvision:
            with torch.inference_mode():
                one = compared(theirs([image.to(dtype)])[0], exact([image.double()])[0])
        else:
            one = differences(theirs, ours, image.to(dtype))
        found.append(one)
        if one.alone:
            print(f"{path.name}: {one.alone} of {one.count} have no twin", flush=True)
    count, alone = sum(one.count for one in found), sum(one.alone for one in found)
    pixels, confidence = max(one.pixels for one in found), max(one.confidence for one in found)
    print(f"{options.model}, short side {options.size}, float{options.precision}, {len(found)} photographs:", end=" ")
    print(f"{alone} of {count} detections differ; the others by {pixels:.1e} pixels, {confidence:.1e} at most")
    return int(alone > 0 and options.precision == 64)


if __name__ == "__main__":
    sys.exit(run(main))
