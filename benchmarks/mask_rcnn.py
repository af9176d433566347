"""Mask R-CNN on ResNet-50-FPN against torchvision's, step, inference and pasting: `python -m benchmarks.mask_rcnn`.

Both have the same weights, frozen BatchNorm, images, proposals (half of them near objects), masks and optimiser, and
take turns in one run. On a CPU it is one thread, in processor seconds, which a busy machine does not blur.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import torch
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.roi_heads import paste_masks_in_image, project_masks_on_boxes

from benchmarks.faster_rcnn import alternate, proposals_of, scenes, stepper, timer
from lessons_lib.data.sample import Batch
from lessons_lib.data.scenes import CLASSES
from lessons_lib.models.instance.mask_rcnn import MaskRCNN
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.models.instance.torchvision_weights import load_torchvision, torchvision_mask_rcnn
from lessons_lib.ops.mask_targets import mask_targets
from lessons_lib.ops.pasting import paste_masks

GOALS = {512: 0.80, 128: 0.87}
"""Of torchvision's time for a step, by the regions of an image; on a GPU ≤ 0.5 for either."""

GOAL_INFERENCE, GOAL_PASTING = 0.8, 0.2
LARGE = (800, 1088)
"""The image that masks are pasted into: a photograph of 4 : 3 as the published models see it."""


def pair(device: str, size: int, regions: int) -> tuple[MaskRCNN, nn.Module]:
    """Ours and torchvision's, with the same random weights, in training mode; images stay as large as they are."""
    torch.manual_seed(0)
    body = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=5)  # its BatchNorm is frozen
    theirs = detection.MaskRCNN(body, len(CLASSES), min_size=size, box_batch_size_per_image=regions)
    with torch.no_grad():
        theirs.roi_heads.box_predictor.cls_score.weight.mul_(100)  # so that inference finds a hundred objects
    ours = torchvision_mask_rcnn("maskrcnn_resnet50_fpn", len(CLASSES))
    load_torchvision(ours, theirs.state_dict())
    ours.detector.config = replace(ours.detector.config, regions=regions, short_side=size)
    ours.features.freeze_norms()
    return ours.to(device).train(), theirs.to(device).train()


def our_losses(model: MaskRCNN, batch: Batch, given: Proposals | None) -> Callable[[], Tensor]:
    """The loss of a step of ours; the proposals are its own where none are given."""
    return lambda: torch.stack([*model.learn(batch, proposals=given).losses.values()]).sum()


def their_losses(model: nn.Module, batch: Batch, given: Proposals | None) -> Callable[[], Tensor]:
    """The loss of a step of torchvision's, with the same proposals; its RPN learns, and makes its own for nothing."""
    targets = [{"boxes": o.boxes, "labels": o.labels, "masks": o.known_masks} for o in batch.instances]
    if given is not None:
        boxes = [*given.boxes]
        model.rpn.filter_proposals = lambda *arguments: (boxes, [])

    def losses() -> Tensor:
        return torch.stack([*model([*batch.images], targets).values()]).sum()

    return losses


def inference(ours: MaskRCNN, theirs: nn.Module, batch: Batch, device: str) -> tuple[Callable, Callable]:
    """The prediction of one image by both, masks in the image's pixels as bools."""
    image = batch.images[0]

    @torch.inference_mode()
    def predict_theirs() -> Tensor:
        return theirs([image])[0]["masks"] > 0.5

    ours.eval(), theirs.eval()
    return timer(torch.inference_mode()(lambda: ours.predict([image])), device), timer(predict_theirs, device)


def pasting(device: str, count: int = 100) -> tuple[Callable, Callable]:
    """`count` masks of 28 × 28 into a large image, as bools."""
    generator = torch.Generator().manual_seed(0)
    height, width = LARGE
    start = torch.rand(count, 2, generator=generator) * torch.tensor([width, height]) * 0.7
    extent = 20 + torch.rand(count, 2, generator=generator) * torch.tensor([width, height]) * 0.3
    boxes = torch.cat([start, start + extent], 1).to(device)
    probs = torch.rand(count, 28, 28, generator=generator).to(device)
    theirs = timer(lambda: paste_masks_in_image(probs[:, None], boxes, LARGE) > 0.5, device)
    return timer(lambda: paste_masks(probs, boxes, LARGE), device), theirs


def targets(device: str, regions: int = 128) -> tuple[Callable, Callable]:
    """The targets of `regions` regions among 20 objects of a large image."""
    generator = torch.Generator().manual_seed(0)
    masks = (torch.rand(20, *LARGE, generator=generator) > 0.5).to(device)
    start = torch.rand(1, regions, 2, generator=generator) * 600
    boxes = torch.cat([start, start + 20 + torch.rand(1, regions, 2, generator=generator) * 300], 2).to(device)
    matched = torch.randint(20, (1, regions), generator=generator).to(device)
    valid = torch.ones_like(matched, dtype=torch.bool)
    theirs = timer(lambda: project_masks_on_boxes(masks, boxes[0], matched[0], 28), device)
    return timer(lambda: mask_targets([masks], boxes, matched, valid, 28), device), theirs


def report(what: str, times: Sequence[tuple[float, float]], goal: float | None) -> float:
    """Prints the seconds of every pair and the median of the ratios, and returns that."""
    for mine, other in times:
        print(f"  ours {mine:.4f} s   torchvision {other:.4f} s   ratio {mine / other:.3f}", flush=True)
    ratio = median(mine / other for mine, other in times)
    said = f" (goal ≤ {goal})" if goal else ""
    print(f"{what}, median of {len(times)} pairs: {ratio:.3f} of torchvision's time{said}", flush=True)
    return ratio


def main(arguments: Sequence[str] | None = None) -> None:
    """Print seconds of both for each pair, and the median of the ratios, for each kind of work."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mask_rcnn", description=__doc__.split(":")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, default=256, help="height and width of the images")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--regions", type=int, nargs="*", default=[512, 128], help="of an image, in a step")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    device = options.device
    report("pasting 100 masks", alternate(*pasting(device), options.rounds), GOAL_PASTING)
    report("mask targets of 128 regions", alternate(*targets(device), options.rounds), None)
    for regions in options.regions:
        ours, theirs = pair(device, options.size, regions)
        batch = scenes(options.batch, options.size, "cpu")
        given = proposals_of(batch, regions * 2)
        batch = batch.to(device)
        given = Proposals(*(tensor.to(device) for tensor in (given.boxes, given.scores, given.valid)))
        first = stepper(ours, our_losses(ours, batch, given), device)
        second = stepper(theirs, their_losses(theirs, batch, given), device)
        report(f"step with {regions} regions", alternate(first, second, options.rounds), GOALS.get(regions))
    ours, theirs = pair(device, options.size, 512)
    batch = scenes(1, options.size, "cpu").to(device)
    report("inference", alternate(*inference(ours, theirs, batch, device), options.rounds), GOAL_INFERENCE)


if __name__ == "__main__":
    main()
