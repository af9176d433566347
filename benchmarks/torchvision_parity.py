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
from lessons_lib.models.instance.mask_rcnn import MaskRCNN
from lessons_lib.models.instance.torchvision_weights import (
    DETECTORS,
    MASK_MODELS,
    load_torchvision,
    torchvision_detector,
    torchvision_mask_rcnn,
)
from lessons_lib.terminal import run

NEAR, SURE = 0.01, 1e-4
"""Detections are the same where labels are equal, boxes within so many pixels and confidences within so much."""


@dataclass(frozen=True)
class Compared:
    """How many detections there are, how many of them only one side has, and the largest differences of the others:
    of boxes, confidences, and cells of masks before they are pasted; and in how many pixels their masks differ."""

    count: int
    alone: int
    pixels: float
    confidence: float
    probability: float = 0.0
    unlike: int = 0
    of_pixels: int = 0


def pair(
    name: str, size: int = 800, dtype: torch.dtype = torch.float64, proposals: int = 1000, most: int = 100
) -> tuple[nn.Module, FasterRCNN | MaskRCNN]:
    """torchvision's model with random weights that find something, and ours with the same, in `dtype`.

    size: to which the shorter side of an image is brought. proposals, most: regions and detections of an image, in
    both. Statistics of BatchNorm are those of a scene; the last layers are scaled so that their outputs spread as a
    trained model's do: confidences and masks from 0 to 1, and boxes that move by a part of their size. Ours pastes
    masks as torchvision does.
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
    head, roi = theirs.rpn.head, theirs.roi_heads
    predictor, masked = roi.box_predictor, name in MASK_MODELS
    with torch.no_grad():
        for mode in (True, False):
            theirs.train(mode)
            maps = theirs.backbone(images)
            vectors = roi.box_head(roi.box_roi_pool(maps, boxes, [(256, 256)]))
            squares = roi.mask_head(roi.mask_roi_pool(maps, [boxes[0][:8]], [(256, 256)])) if masked else None
        outputs = [torch.cat([x.flatten() for x in kind]) for kind in head([*maps.values()])] + [*predictor(vectors)]
        layers = [head.cls_logits, head.bbox_pred, predictor.cls_score, predictor.bbox_pred]
        if masked:
            outputs, layers = [*outputs, roi.mask_predictor(squares)], [*layers, roi.mask_predictor.mask_fcn_logits]
        for layer, output, spread in zip(layers, outputs, (0.7, 0.2, 1.0, 0.7, 2.0)[: len(layers)], strict=True):
            layer.weight.mul_(spread / (output - layer.bias.mean()).std())
            layer.bias.zero_()
    ours = torchvision_mask_rcnn(name, pasting="torchvision") if masked else torchvision_detector(name)
    load_torchvision(ours.eval(), theirs.eval().state_dict())
    detector = ours.detector if isinstance(ours, MaskRCNN) else ours
    detector.config = replace(detector.config, short_side=size, after_nms=(2000, proposals), most=most)
    theirs.rpn._post_nms_top_n["testing"], roi.detections_per_img = proposals, most
    theirs, ours, first = theirs.to(dtype), ours.to(dtype), detector.first
    for own, exact in ((first.mean, theirs.transform.image_mean), (first.std, theirs.transform.image_std)):
        own.copy_(torch.tensor(exact, dtype=dtype).view_as(own))  # ours had been rounded to float32
    return theirs, ours


def differences(theirs: nn.Module, ours: FasterRCNN | MaskRCNN, image: Tensor) -> Compared:
    """Both models on one image."""
    with torch.inference_mode():
        stages = dict(ours.stages(image))
    got = stages["detections"]["instances"]
    found = {"boxes": got.boxes, "labels": got.labels, "scores": got.scores}
    if isinstance(ours, MaskRCNN):
        found |= {"masks": got.known_masks, "probs": stages["own_masks"]["probs"]}
    return compared(their_detections(theirs, image), found)


def their_detections(model: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """What torchvision's model finds: boxes, labels, scores; with masks also `probs`, before they are pasted."""
    kept: list[Tensor] = []
    predictor = model.roi_heads.mask_predictor
    hook = None if predictor is None else predictor.register_forward_hook(lambda *call: kept.append(call[2]))
    with torch.inference_mode():
        found = model([image])[0]
    if hook is not None:
        hook.remove()
        own = kept[0][torch.arange(len(found["labels"])), found["labels"]]
        found |= {"probs": own.sigmoid(), "masks": found["masks"][:, 0] > 0.5}
    return found


def compared(first: dict[str, Tensor], second: dict[str, Tensor]) -> Compared:
    """Each detection of the first beside its twin in the second: of equal label, and sure and near as said above."""
    a, b = (Instances(x["boxes"].float(), x["labels"], None, x["scores"].float()) for x in (first, second))
    pixels = (a.boxes[:, None] - b.boxes).abs().amax(2)
    confidence = (a.scores[:, None] - b.scores).abs()
    twins = (a.labels[:, None] == b.labels) & (pixels < NEAR) & (confidence < SURE)
    alone = max(int((~twins.any(axis)).sum()) for axis in (0, 1))
    largest = [x[twins].max().item() if twins.any() else 0.0 for x in (pixels, confidence)]
    found = Compared(len(a), alone, *largest)
    if "masks" not in first or not twins.any():
        return found
    i, j = twins.nonzero().unbind(1)
    probability = (first["probs"][i] - second["probs"][j]).abs().max().item()
    unlike = first["masks"][i] != second["masks"][j]
    return replace(found, probability=probability, unlike=int(unlike.sum()), of_pixels=unlike.numel())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each photograph with differences, and the sum of all; returns 1 where there are any in float64."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torchvision_parity", description=__doc__.split(":")[0])
    parser.add_argument("folder", type=Path, help="of photographs, .jpg, at any depth")
    parser.add_argument("--model", choices=(*DETECTORS, *MASK_MODELS), default=DETECTORS[0])
    parser.add_argument("--size", type=int, default=320, help="to which the shorter side is brought")
    parser.add_argument("--proposals", type=int, default=1000, help="of an image, in both")
    parser.add_argument("--most", type=int, default=100, help="detections of an image, in both")
    parser.add_argument("--precision", type=int, choices=(32, 64), default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--torchvision", action="store_true", help="compare torchvision with itself in float64 instead")
    parser.add_argument("--count", type=int, help="only so many photographs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    dtype = torch.float64 if options.precision == 64 else torch.float32
    theirs, ours = pair(options.model, options.size, dtype, options.proposals, options.most)
    theirs, ours = theirs.to(options.device), ours.to(options.device)
    exact = copy.deepcopy(theirs).double()
    found = []
    for path in sorted(options.folder.rglob("*.jpg"))[: options.count]:
        image = read_photo(path).to(options.device)
        if options.torchvision:
            one = compared(their_detections(theirs, image.to(dtype)), their_detections(exact, image.double()))
        else:
            one = differences(theirs, ours, image.to(dtype))
        found.append(one)
        if one.alone:
            print(f"{path.name}: {one.alone} of {one.count} have no twin", flush=True)
    count, alone = sum(one.count for one in found), sum(one.alone for one in found)
    pixels, confidence = max(one.pixels for one in found), max(one.confidence for one in found)
    how = f"{options.model}, short side {options.size}, float{options.precision}, {options.device}"
    print(f"{how}, {len(found)} photographs: {alone} of {count} detections differ;", end=" ")
    print(f"the others by {pixels:.1e} pixels, {confidence:.1e} at most")
    every = sum(one.of_pixels for one in found)
    if every:
        unlike, probability = sum(one.unlike for one in found), max(one.probability for one in found)
        print(f"their masks by {probability:.1e} before pasting, and in {unlike} of {every} pixels after it")
    return int(alone > 0 and options.precision == 64)


if __name__ == "__main__":
    sys.exit(run(main))
