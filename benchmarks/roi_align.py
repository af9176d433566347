"""RoIAlign against torchvision's compiled operator: `python -m benchmarks.roi_align` (two threads, in one run)."""

import argparse
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torchvision import ops

from lessons_lib.ops.roi import roi_align, roi_align_loops
from lessons_lib.terminal import run

GOAL = 0.2
"""Share of torchvision's time, forward and forward with backward, on two idle cores."""


def case(regions: int, device: str) -> tuple[Tensor, Tensor]:
    """A map of 256 channels and 50 × 68 cells, one for 16 × 16 pixels, and boxes of 16 to 416 pixels a side."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 256, 50, 68, generator=generator)
    size = 16 + 400 * torch.rand(regions, 2, generator=generator)
    corner = torch.rand(regions, 2, generator=generator) * (torch.tensor([1088.0, 800.0]) - size)
    return features.to(device), torch.cat([torch.zeros(regions, 1), corner, corner + size], 1).to(device)


def seconds(call: Callable[..., Tensor], features: Tensor, boxes: Tensor, backward: bool) -> float:
    """Time of one call, and of its gradient to the features where asked."""
    features = features.clone().requires_grad_(backward)
    if features.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    out = call(features, boxes, 7, 1 / 16, 2, True)
    if backward:
        out.backward(torch.ones_like(out))
    if features.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(regions: int, rounds: int, device: str, backward: bool) -> tuple[float, float]:
    """Best times of ours and of torchvision's, taken in turns so that both meet the same load."""
    features, boxes = case(regions, device)
    times = [
        (seconds(roi_align, features, boxes, backward), seconds(ops.roi_align, features, boxes, backward))
        for _ in range(rounds + 1)
    ]
    return tuple(min(column) for column in zip(*times[1:], strict=True))


def main(arguments: list[str] | None = None) -> None:
    """Print the difference, the two ratios, and the naive form beside them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roi_align", description=__doc__.split(":")[0])
    parser.add_argument("--regions", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--naive", type=int, default=8, help="regions of the naive form, which is slow")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    torch.set_num_threads(2)
    features, boxes = case(options.regions, options.device)
    difference = roi_align(features, boxes, 7, 1 / 16, 2, True) - ops.roi_align(features, boxes, 7, 1 / 16, 2, True)
    print(f"256×50×68, {options.regions} regions, 7×7 bins, sampling 2, float32, {options.device}")
    print(f"largest difference from torchvision: {difference.abs().max().item():.1e}")
    for name, backward in (("forward", False), ("forward and backward", True)):
        ours, theirs = compare(options.regions, options.rounds, options.device, backward)
        print(
            f"{name:20s}  ours {ours * 1e3:7.1f} ms   torchvision {theirs * 1e3:7.1f} ms   "
            f"ratio {ours / theirs:.2f} (goal ≤ {GOAL} on a CPU)"
        )
    naive = seconds(roi_align_loops, features, boxes[: options.naive], False) / options.naive
    ours, theirs = compare(options.regions, 1, options.device, False)
    print(
        f"naive loops, a region: {naive * 1e3:.1f} ms, {naive / (ours / options.regions):,.0f} times ours and "
        f"{naive / (theirs / options.regions):,.0f} times torchvision's"
    )


if __name__ == "__main__":
    sys.exit(run(main))
