"""What `benchmarks.gpu` measures: operators and training steps against torchvision, and two trainings.

On a GPU times are those of CUDA events, ours and torchvision's in turn; on a CPU processor seconds.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import ops

from lessons_lib.data.sample import Batch, collate
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.metrics.detection import DetectionScores
from lessons_lib.metrics.semantic import SemanticScores
from lessons_lib.models.instance.build import usual_config
from lessons_lib.models.instance.build_masks import masked_detector, usual_masks
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.boxes import pairwise_box_iou
from lessons_lib.ops.grid import Grid
from lessons_lib.ops.levels import multilevel_roi_align
from lessons_lib.ops.nms import nms
from lessons_lib.ops.roi import ps_roi_pool, roi_align, roi_pool
from lessons_lib.training.recorded import RecordedStep
from lessons_lib.training.schedule import warm_up_cosine


def seconds(call: Callable[[], object], device: str) -> float:
    """How long one call takes."""
    if device != "cuda":
        start = time.process_time()
        call()
        return time.process_time() - start
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1e3


def compare(ours: Callable[[], object], theirs: Callable[[], object], device: str, rounds: int) -> dict[str, float]:
    """Milliseconds of both, medians of calls in turn after three to warm up, and the median of their ratios."""
    times = [(seconds(ours, device), seconds(theirs, device)) for _ in range(rounds + 3)][3:]
    first, second = (median(column) for column in zip(*times, strict=True))
    ratio = median(a / max(b, 1e-9) for a, b in times)
    return {"ours_ms": round(first * 1e3, 3), "torchvision_ms": round(second * 1e3, 3), "ratio": round(ratio, 3)}


def so_far(name: str, entry: dict[str, Any], table: dict[str, Any]) -> None:
    """Keeps an entry, and prints the table, so that a part that is cut off has left something."""
    table[name] = entry
    print("SOFAR " + json.dumps({"table": table}), flush=True)


def guarded(name: str, table: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
    """An entry of the table, or what went wrong; the next one goes on."""
    try:
        so_far(name, measure(), table)
    except (RuntimeError, ValueError, TypeError) as error:
        so_far(name, {"error": f"{type(error).__name__}: {error}"[:500]}, table)


def boxes_in(count: int, extent: float, device: str) -> Tensor:
    """Boxes of all sizes in a square image."""
    start = torch.rand(count, 2) * extent * 0.8
    return torch.cat([start, start + 8 + torch.rand(count, 2) * extent * 0.5], 1).clamp(max=extent).to(device)


def operators(device: str, small: bool) -> dict[str, Any]:
    """Forward, and with backward where there is one: RoI operators, NMS, IoU."""
    torch.manual_seed(0)
    channels, regions, extent, rounds = (16, 40, 128, 2) if small else (256, 512, 800, 20)
    cells = extent // 16
    x = torch.rand(2, channels, cells, cells, device=device, requires_grad=True)
    part = torch.rand(2, 49 * (2 if small else 21), cells, cells, device=device, requires_grad=True)
    rows = [boxes_in(regions, extent, device) for _ in range(2)]
    pyramid = [
        torch.rand(2, channels, extent // s, extent // s, device=device, requires_grad=True) for s in (4, 8, 16, 32)
    ]
    grids = [Grid(stride, 0.0) for stride in (4, 8, 16, 32)]
    pooler = ops.MultiScaleRoIAlign([str(k) for k in range(4)], 7, 2)
    named = {str(k): level for k, level in enumerate(pyramid)}
    many, scores = boxes_in(300 if small else 2000, extent, device), torch.rand(300 if small else 2000, device=device)
    pairs: dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]] = {
        "roi_align sampling 2": (
            lambda: roi_align(x, rows, 7, 1 / 16, 2),
            lambda: ops.roi_align(x, rows, 7, 1 / 16, 2),
        ),
        "roi_align adaptive": (lambda: roi_align(x, rows, 7, 1 / 16), lambda: ops.roi_align(x, rows, 7, 1 / 16)),
        "roi_pool": (lambda: roi_pool(x, rows, 7, 1 / 16), lambda: ops.roi_pool(x, rows, 7, 1 / 16)),
        "ps_roi_pool": (lambda: ps_roi_pool(part, rows, 7, 1 / 16), lambda: ops.ps_roi_pool(part, rows, 7, 1 / 16)),
        "multilevel_roi_align": (
            lambda: multilevel_roi_align(pyramid, grids, torch.stack(rows), 7, 2, aligned=False),
            lambda: pooler(named, rows, [(extent, extent)] * 2),
        ),
        "nms": (lambda: nms(many, scores, 0.7), lambda: ops.nms(many, scores, 0.7)),
        "box_iou": (lambda: pairwise_box_iou(many, many), lambda: ops.box_iou(many, many)),
    }
    table: dict[str, Any] = {}
    for name, (ours, theirs) in pairs.items():
        guarded(f"{name}, forward", table, lambda a=ours, b=theirs: compare(a, b, device, rounds))
        if name not in ("nms", "box_iou"):
            ours, theirs = (lambda f=f: f().sum().backward() for f in (ours, theirs))
            guarded(f"{name}, with backward", table, lambda a=ours, b=theirs: compare(a, b, device, rounds))
    return {"table": table}


def steps(device: str, small: bool) -> dict[str, Any]:
    """Training steps of Faster R-CNN, Mask R-CNN and FCN on ResNet-50 against torchvision's, in both precisions."""
    from benchmarks import faster_rcnn, fcn_resnet50, mask_rcnn

    size, batch, rounds = (64, 1, 1) if small else (256, 8, 8)
    table: dict[str, Any] = {}
    images = faster_rcnn.scenes(batch, size, "cpu")
    on_device = images.to(device)
    pairs = ((faster_rcnn, "Faster R-CNN", 512), (mask_rcnn, "Mask R-CNN", 512), (mask_rcnn, "Mask R-CNN", 128))
    for module, words, regions in pairs:
        regions = regions // 16 if small else regions
        given = faster_rcnn.proposals_of(images, 2 * regions)
        given = Proposals(*(tensor.to(device) for tensor in (given.boxes, given.scores, given.valid)))
        ours, theirs = module.pair(device, size, regions)
        for bf16 in (True, False) if not small else (False,):
            for whose, proposals in (("same proposals", given), ("own proposals", None)):
                theirs.rpn.__dict__.pop("filter_proposals", None)  # as it was before it was given any
                first = faster_rcnn.stepper(ours, module.our_losses(ours, on_device, proposals), device, bf16)
                again = faster_rcnn.recorded_stepper(ours, partial(losses_of, ours, proposals), on_device, device, bf16)
                second = faster_rcnn.stepper(theirs, module.their_losses(theirs, on_device, proposals), device, bf16)
                name = f"{words} R-50-FPN, {size} px, batch {batch}, {regions} regions, {whose}, "
                name += "bf16" if bf16 else "fp32"
                guarded(name, table, lambda a=first, b=second: step_pair(a, b, rounds, device))
                guarded(f"{name}, recorded", table, lambda a=again, b=second: step_pair(a, b, rounds, device))
        del ours, theirs, first, again, second  # two pairs would not fit beside each other
    images = on_device
    mine, other = fcn_resnet50.pair(device)
    mine.train(), other.train()
    normalised = mine.backbone.normalise(images.images)
    cross_entropy, lr = nn.functional.cross_entropy, fcn_resnet50.LR
    first = faster_rcnn.stepper(mine, lambda: mine(images)["cross_entropy"], device, not small, lr)
    second = faster_rcnn.stepper(
        other,
        lambda: cross_entropy(other(normalised)["out"], images.label_maps, ignore_index=255),
        device,
        not small,
        lr,
    )
    guarded(f"FCN R-50, {size} px, batch {batch}", table, lambda: step_pair(first, second, rounds, device))
    again = faster_rcnn.recorded_stepper(mine, mine, images, device, not small, lr)
    guarded(f"FCN R-50, {size} px, batch {batch}, recorded", table, lambda: step_pair(again, second, rounds, device))
    return {"table": table}


def losses_of(model: nn.Module, proposals: Proposals | None, batch: Batch) -> dict[str, Tensor]:
    """The losses of a step of ours by name; the proposals are its own where none are given."""
    return model.learn(batch, proposals=proposals).losses


def step_pair(ours: Callable[[], float], theirs: Callable[[], float], rounds: int, device: str) -> dict[str, float]:
    """Milliseconds of a step of both, the ratio, and on a GPU the most memory that each took."""
    memory = {}
    for name, step in (("ours", ours), ("torchvision", theirs)):
        step()
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            step()
            memory[f"{name}_mib"] = torch.cuda.max_memory_allocated() // 2**20
    times = [(ours(), theirs()) for _ in range(rounds)]
    first, second = (median(column) for column in zip(*times, strict=True))
    ratio = median(a / b for a, b in times)
    timed = {"ours_ms": round(first * 1e3, 2), "torchvision_ms": round(second * 1e3, 2), "ratio": round(ratio, 3)}
    return timed | memory


def semantic(device: str, small: bool) -> dict[str, Any]:
    """FCN-8s on ResNet-50, from nothing, for a minute and a half of steps."""
    model = build_model("fcn8s", len(CLASSES), "tiny" if small else "resnet50").to(device)
    found = learn(model, device, small, 3e-4)
    scores = SemanticScores(len(CLASSES))
    for sample in unseen(device, small):
        scores.update(model.predict([sample.image])[0], sample.label_map)
    miou = scores.compute()["miou"]
    return found | {"miou": round(miou, 4), "gist": f": mIoU {miou:.3f} after {found['steps']} steps"}


def instances(device: str, small: bool) -> dict[str, Any]:
    """Mask R-CNN on ResNet-50-FPN, from nothing; small anchors, since the scenes' objects are small."""
    backbone = "tiny" if small else "resnet50"
    config = usual_config(backbone, "fpn")
    if not small:
        sizes = ((16,), (32,), (64,), (128,), (256,))
        config = replace(config, anchor_sizes=sizes, canonical=(4, 112.0), before_nms=(500, 500), after_nms=(300, 300),
                         regions=128)  # fmt: skip
    model = masked_detector(len(CLASSES), backbone, "fpn", config, usual_masks(backbone, "fpn")).to(device)
    found = learn(model, device, small, 3e-4)
    scores = {kind: DetectionScores(kind) for kind in ("box", "mask")}
    for sample in unseen(device, small):
        predicted = model.predict([sample.image])[0]
        for table in scores.values():
            table.update(predicted, sample.instances)
    numbers = {
        f"{kind}_{name}": round(value, 4)
        for kind, table in scores.items()
        for name, value in table.compute().items()
        if name in ("ap", "ap50", "ap75")
    }
    words = f": box AP {numbers['box_ap']:.3f}, mask AP {numbers['mask_ap']:.3f} after {found['steps']} steps"
    return found | numbers | {"gist": words}


def learn(model: nn.Module, device: str, small: bool, rate: float) -> dict[str, Any]:
    """Trains for a time on scenes drawn on the device, the rate falling with the time; steps and seconds.

    The device makes recorded steps, and beside them all that the images need.
    """
    limit, size, batch = (2.0, 64, 2) if small else (70.0, 256, 16)
    config, ticks = replace(PRESETS["clear"], size=size), 1000
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-4)
    schedule = warm_up_cosine(rate, ticks)
    step_of = RecordedStep(model, torch.autocast(device, torch.bfloat16, enabled=device == "cuda")(model))
    begin, step, losses, drawing = time.monotonic(), 0, {}, 0.0
    while (passed := time.monotonic() - begin) < limit:
        for group in optimizer.param_groups:
            group["lr"] = schedule(1 + int(passed / limit * (ticks - 1)))
        start = time.monotonic()
        images: Batch = collate(draw_scenes(range(step * batch, (step + 1) * batch), config, device=device)).to(device)
        drawing += time.monotonic() - start
        losses = step_of(images)
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            last = {name: round(loss.item(), 4) for name, loss in losses.items()}
            print("SOFAR " + json.dumps({"steps": step, "losses": last}), flush=True)
    return {
        "steps": step, "batch": batch, "size": size, "seconds_of_steps": round(time.monotonic() - begin, 1),
        "seconds_of_drawing": round(drawing, 1), "losses": {name: round(x.item(), 4) for name, x in losses.items()},
    }  # fmt: skip


def unseen(device: str, small: bool) -> list:
    """Scenes of another seed, on the device."""
    count, size = (4, 64) if small else (200, 256)
    return draw_scenes(range(count), replace(PRESETS["clear"], size=size), seed=1, device=device)
