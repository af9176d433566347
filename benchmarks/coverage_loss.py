"""Coverage loss as matrix products against the double loop over pairs: `python -m benchmarks.coverage_loss`.

Both sides run with torch's large memory pages (Linux; elsewhere nothing changes): to fetch new memory in small pages is
half the time of the matrix products. THP_MEM_ALLOC_ENABLE=0 in front of the command shows the ratios without.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable

from lessons_lib.terminal import run

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch reads it when it first asks for memory

import psutil
import torch
from torch import Tensor

from lessons_lib.ops.coverage import best_assignment, coverage_loss, score_loss_with_logits

SPEED_GOAL = 50
"""Times as fast as the double loop, forward and backward, that the library should be."""
MEMORY_GOAL = 3
"""Times the memory of the masks themselves that a training step may take at its peak, the masks included."""


def soft_iou(p: Tensor, g: Tensor) -> Tensor:
    """Soft IoU of one pair."""
    overlap = (p * g).sum()
    return overlap / (p.sum() + g.sum() - overlap)


def table_by_index(pred_masks: Tensor, gt_masks: Tensor) -> Tensor:
    """The double loop as one writes it: for i, for j, fill in entry (i, j)."""
    table = pred_masks.new_zeros(len(pred_masks), len(gt_masks))
    for i in range(len(pred_masks)):
        for j in range(len(gt_masks)):
            table[i, j] = soft_iou(pred_masks[i], gt_masks[j])
    return table


def table_by_comprehension(pred_masks: Tensor, gt_masks: Tensor) -> Tensor:
    """The same pairs, kinder to autograd: no indexing, so that no gradient is a mostly empty tensor."""
    return torch.stack([torch.stack([soft_iou(p, g) for g in gt_masks]) for p in pred_masks])


def looped(table: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., dict[str, Tensor]]:
    """The coverage loss with a table of pairs that is made by loops."""

    def loss(pred_masks: Tensor, gt_masks: list[Tensor], logits: Tensor) -> dict[str, Tensor]:
        tables = [table(pred, gt) for pred, gt in zip(pred_masks, gt_masks, strict=True)]
        coverage = -sum(one[best_assignment(one)].sum() for one in tables) / len(tables)
        return {"coverage": coverage, "score": score_loss_with_logits(logits, len(gt_masks[0])).mean()}

    return loss


def inputs(images: int, predictions: int, objects: int, size: int) -> tuple[Tensor, list[Tensor], Tensor]:
    """Random soft masks in float32, and boolean ones as the datasets give them."""
    generator = torch.Generator().manual_seed(0)
    pred = torch.rand(images, predictions, size, size, generator=generator)
    gt = [torch.rand(objects, size, size, generator=generator) > 0.5 for _ in range(images)]
    return pred, gt, torch.randn(images, predictions, generator=generator)


def seconds(loss: Callable[..., dict[str, Tensor]], batch: tuple, backward: bool, rounds: int) -> float:
    """Processor seconds of a forward pass or a training step, the best round: a busy machine does not blur them."""
    best = float("inf")
    for _ in range(rounds):
        pred, gt, logits = batch[0].requires_grad_(backward), batch[1], batch[2].requires_grad_(backward)
        start = time.process_time()
        total = sum(loss(pred, gt, logits).values())
        if backward:
            total.backward()
        best = min(best, time.process_time() - start)
        pred.grad = logits.grad = None
    return best


def peak_above(step: Callable[[], object]) -> int:
    """Bytes of resident memory that a step adds at its peak, looked at a thousand times a second."""
    process, done, peak = psutil.Process(), threading.Event(), 0
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.001):
            peak = max(peak, process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    step()
    done.set()
    watcher.join()
    return peak


def main(arguments: list[str] | None = None) -> None:
    """Print the ratios of time, forward and for a training step, and of memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage_loss", description=__doc__.split(":")[0])
    pages = "large" if os.environ["THP_MEM_ALLOC_ENABLE"] == "1" else "small"
    for name, default in (("images", 16), ("predictions", 20), ("objects", 16), ("size", 256)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    batch = inputs(options.images, options.predictions, options.objects, options.size)
    masks = sum(one.nbytes for one in (batch[0], *batch[1]))
    seconds(coverage_loss, inputs(1, 2, 2, 8), backward=True, rounds=1)  # scipy and the matrix kernels are loaded
    peak = masks + peak_above(lambda: seconds(coverage_loss, batch, backward=True, rounds=3))
    print(f"{options.images} images of {options.predictions}×{options.objects} masks of {options.size}²", end=", ")
    print(f"one thread, {pages} memory pages")
    print(f"peak memory of a step: {peak / masks:.2f}× the masks themselves (goal ≤ {MEMORY_GOAL}×)")
    for what, backward in (("training step", True), ("forward alone", False)):
        ours = seconds(coverage_loss, batch, backward, rounds=5)
        print(f"{what}: matrix products {ours * 1e3:.0f} ms", flush=True)
        for name, table in (("double loop", table_by_index), ("loop by comprehension", table_by_comprehension)):
            ratio = seconds(looped(table), batch, backward, rounds=1) / ours
            goal = f" (goal ≥ {SPEED_GOAL}×)" if backward and table is table_by_index else ""
            print(f"{what}: the {name} takes {ratio:.0f}× as long{goal}", flush=True)


if __name__ == "__main__":
    sys.exit(run(main))
