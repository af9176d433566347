"""Region operators and NMS against torchvision's compiled ones, on one thread: `python -m benchmarks.regions`.

Both sides take turns, so that they meet the same load, and each side's best time counts; on a CPU in processor seconds,
which a busy machine blurs least. They run with torch's large memory pages (Linux; elsewhere nothing changes): to fetch
new memory in small pages would be half of some times.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from lessons_lib.terminal import run

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch reads it when it first asks for memory

import psutil
import torch
from torch import Tensor
from torchvision import ops

from lessons_lib.ops import roi
from lessons_lib.ops.nms import nms


@dataclass
class Work:
    """One operator with the same arguments on both sides, and the share of torchvision's time that it may take."""

    ours: Callable[..., Tensor]
    theirs: Callable[..., Tensor]
    arguments: tuple
    goal: float
    channels: int = 256


STRIDE, BINS = 1 / 16, 7
WORKS = {
    "RoIAlign, sampling 2": Work(roi.roi_align, ops.roi_align, (BINS, STRIDE, 2, True), 0.2),
    "RoIAlign, adaptive": Work(roi.roi_align, ops.roi_align, (BINS, STRIDE, -1, True), 1.0),
    "RoIPool": Work(roi.roi_pool, ops.roi_pool, (BINS, STRIDE), 1.0),
    "position-sensitive, 5 classes": Work(roi.ps_roi_pool, ops.ps_roi_pool, (BINS, STRIDE), 1.0, 5 * BINS**2),
    "position-sensitive, 21 classes": Work(roi.ps_roi_pool, ops.ps_roi_pool, (BINS, STRIDE), 1.0, 21 * BINS**2),
}
NMS_GOAL = 1.0


def case(regions: int, channels: int, device: str) -> tuple[Tensor, Tensor]:
    """A map of 50 × 68 cells, one for 16 × 16 pixels, and boxes of 16 to 416 pixels a side."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, channels, 50, 68, generator=generator)
    size = 16 + 400 * torch.rand(regions, 2, generator=generator)
    corner = torch.rand(regions, 2, generator=generator) * (torch.tensor([1088.0, 800.0]) - size)
    return features.to(device), torch.cat([torch.zeros(regions, 1), corner, corner + size], 1).to(device)


def timed(call: Callable[[], object], device: str) -> float:
    """Seconds of one call: of the processor, or on a GPU until its work is done."""
    if device != "cuda":
        start = time.process_time()
        call()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], rounds: int, device: str) -> tuple[float, float]:
    """Best seconds of both; the first round warms up."""
    times = [(timed(ours, device), timed(theirs, device)) for _ in range(rounds + 1)][1:]
    return min(a for a, _ in times), min(b for _, b in times)


def grown(call: Callable[[], object]) -> float:
    """Megabytes that the process grew by while it held what the call gave: a rough measure of its memory."""
    before = psutil.Process().memory_info().rss
    held = call()
    after = psutil.Process().memory_info().rss
    del held
    return (after - before) / 2**20


def step(operator: Callable[..., Tensor], features: Tensor, boxes: Tensor, arguments: tuple, backward: bool) -> Tensor:
    """The operator once, and its gradient to the features where asked."""
    leaf = features.detach().requires_grad_(backward)
    out = operator(leaf, boxes, *arguments)
    if backward:
        out.backward(torch.ones(out.shape, device=out.device))
    return out


def compare_regions(regions: int, rounds: int, device: str) -> None:
    """A line for each operator and direction."""
    for name, work in WORKS.items():
        features, boxes = case(regions, work.channels, device)
        ours, theirs = work.ours(features, boxes, *work.arguments), work.theirs(features, boxes, *work.arguments)
        typical = (ours - theirs).abs().amax((1, 2, 3)).median()  # the two do not agree on regions at the border
        print(f"{name}: difference from torchvision, median region {typical.item():.1e}", end="; ")
        sides = [partial(step, f, features, boxes, work.arguments) for f in (work.ours, work.theirs)]
        memory = [grown(partial(side, True)) for side in reversed(sides)][::-1]
        print(f"memory kept, ours {memory[0]:.0f} MB, torchvision {memory[1]:.0f} MB")
        for backward in (False, True):
            times = in_turns(*(partial(side, backward) for side in sides), rounds, device)
            show("forward and backward" if backward else "forward", *times, work.goal)


def compare_nms(rounds: int, device: str) -> None:
    """2,000 boxes at three thresholds, from crowded to hardly any overlap that counts."""
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(2000, 2, generator=generator) * 500
    boxes = torch.cat([corner, corner + 10 + torch.rand(2000, 2, generator=generator) * 150], 1).to(device)
    scores = torch.rand(2000, generator=generator).to(device)
    for threshold in (0.3, 0.5, 0.7):
        keep = nms(boxes, scores, threshold)
        same = torch.equal(keep.nonzero()[:, 0], ops.nms(boxes, scores, threshold).sort().values)
        print(f"NMS of 2,000 boxes at {threshold}: {int(keep.sum())} stay, {'the same' if same else 'OTHERS'}")
        sides = [partial(f, boxes, scores, threshold) for f in (nms, ops.nms)]
        show("", *in_turns(*sides, 3 * rounds, device), NMS_GOAL)


def show(what: str, ours: float, theirs: float, goal: float) -> None:
    times = f"ours {ours * 1e3:7.1f} ms   torchvision {theirs * 1e3:7.1f} ms"
    print(f"    {what:22s} {times}   ratio {ours / theirs:.2f} (goal ≤ {goal} on a CPU)")


def main(arguments: list[str] | None = None) -> None:
    """Print differences and ratios, and how long the naive loops of RoIAlign take."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regions", description=__doc__.split(":")[0])
    parser.add_argument("--regions", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--naive", type=int, default=4, help="regions of RoIAlign's loops, which are slow")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"map of 50×68 cells, {options.regions} regions, {BINS}×{BINS} bins, float32, {options.device}, one thread")
    compare_regions(options.regions, options.rounds, options.device)
    compare_nms(options.rounds, options.device)
    features, boxes = case(options.naive, 256, options.device)
    naive = timed(lambda: roi.roi_align_loops(features, boxes, BINS, STRIDE, 2, True), options.device) / options.naive
    print(f"RoIAlign in loops: {naive * 1e3:.0f} ms a region")


if __name__ == "__main__":
    sys.exit(run(main))
