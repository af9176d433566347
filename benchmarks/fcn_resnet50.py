"""A training step of our FCN on ResNet-50 against torchvision's: `python -m benchmarks.fcn_resnet50`.

Both have the same weights, the same images, the same optimiser and precision, and take turns in one run. On a CPU it
is one thread and small images, measured in processor seconds, which a busy machine does not blur; on a GPU it is 512
pixels and bfloat16. Ours normalises the images inside, torchvision's gets them normalised for nothing.
"""

import argparse
import sys
from dataclasses import replace
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.segmentation import fcn_resnet50

from benchmarks.faster_rcnn import stepper
from lessons_lib.data.sample import VOID, collate
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.models.semantic.plain_fcn import PlainFCN, plain_fcn
from lessons_lib.terminal import run

GOAL = 0.95
"""Times torchvision's images/s that ours should reach."""

LR = 0.01


def pair(device: str) -> tuple[PlainFCN, nn.Module]:
    """Ours and torchvision's, with the same random weights."""
    torch.manual_seed(0)
    theirs = fcn_resnet50(weights=None, weights_backbone=None, num_classes=len(CLASSES)).to(device)
    ours = plain_fcn(len(CLASSES), "resnet50").to(device)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def main(arguments: list[str] | None = None) -> None:
    """Print the difference of the logits, images/s of both, and the ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fcn_resnet50", description=__doc__.split(":")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, help="height and width of the images (default: 96 on a CPU, else 512)")
    parser.add_argument("--batch", type=int, help="images per step (default: 2 on a CPU, else 8)")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="(default: fp32 on a CPU, else bf16)")
    options = parser.parse_args(arguments)
    device, on_cpu = options.device, options.device == "cpu"
    size, count = options.size or (96 if on_cpu else 512), options.batch or (2 if on_cpu else 8)
    precision = options.precision or ("fp32" if on_cpu else "bf16")
    torch.set_num_threads(1)
    (ours, theirs), batch = (
        pair(device),
        collate(draw_scenes(range(count), replace(PRESETS["easy"], size=size))).to(device),
    )
    normalised = ours.backbone.normalise(batch.images)
    with torch.inference_mode():
        difference = ours.eval().logits(batch.images) - theirs.eval()(normalised)["out"]
    ours.train(), theirs.train()
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU, one thread"
    print(f"{count} images of {size} px, {precision}, {name}")
    print(f"largest difference of the logits from torchvision's: {difference.abs().max().item():.1e}")
    step_ours = stepper(ours, lambda: ours(batch)["cross_entropy"], device, precision == "bf16", LR)
    step_theirs = stepper(
        theirs,
        lambda: F.cross_entropy(theirs(normalised)["out"], batch.label_maps, ignore_index=VOID),
        device,
        precision == "bf16",
        LR,
    )
    times = [(step_ours(), step_theirs()) for _ in range(options.rounds + 1)][1:]  # the first ones warm up
    middle = [median(column) for column in zip(*times, strict=True)]
    print(
        f"ours {count / middle[0]:.2f} images/s   torchvision {count / middle[1]:.2f} images/s   "
        f"ratio {middle[1] / middle[0]:.3f} (goal ≥ {GOAL})"
    )


if __name__ == "__main__":
    sys.exit(run(main))
