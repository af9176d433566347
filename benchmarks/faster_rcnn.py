"""A training step of our Faster R-CNN on ResNet-50-FPN against torchvision's: `python -m benchmarks.faster_rcnn`.

Both have the same weights, frozen BatchNorm, images, proposals (512 regions an image, half of them near objects) and
optimiser, and take turns in one run. On a CPU it is one thread, in processor seconds, which a busy machine does not
blur; memory is the most that the step's tensors take.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import torch
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from lessons_lib.data.sample import Batch, collate
from lessons_lib.data.scenes import CLASSES, PRESETS, draw_scenes
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.rpn import Proposals
from lessons_lib.models.instance.torchvision_weights import load_torchvision, torchvision_detector
from lessons_lib.training.recorded import RecordedStep

GOAL = 0.85
"""Of torchvision's time for a step."""


def pair(device: str, size: int, regions: int) -> tuple[FasterRCNN, nn.Module]:
    """Ours and torchvision's, with the same random weights, in training mode; images stay as large as they are."""
    torch.manual_seed(0)
    body = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=5)  # its BatchNorm is frozen
    theirs = detection.FasterRCNN(body, len(CLASSES), min_size=size, box_batch_size_per_image=regions)
    ours = torchvision_detector("fasterrcnn_resnet50_fpn", len(CLASSES))
    load_torchvision(ours, theirs.state_dict())
    ours.config = replace(ours.config, regions=regions)
    ours.features.freeze_norms()
    return ours.to(device).train(), theirs.to(device).train()


def proposals_of(batch: Batch, count: int) -> Proposals:
    """`count` boxes an image: true ones that were moved a little, and others."""
    generator = torch.Generator().manual_seed(0)
    size, rows = batch.images.shape[-1], []
    for objects in batch.instances:
        near = objects.boxes[torch.randint(len(objects), (count // 2,), generator=generator)]
        near = near + torch.randn(near.shape, generator=generator) * 6
        start = torch.rand(count - len(near), 2, generator=generator) * size * 0.8
        far = torch.cat([start, start + 8 + torch.rand(start.shape, generator=generator) * size * 0.5], 1)
        boxes = torch.cat([near, far]).clamp(0, size)
        boxes[:, 2:] = torch.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        rows.append(boxes)
    boxes = torch.stack(rows)
    return Proposals(boxes, torch.ones(boxes.shape[:2]), torch.ones(boxes.shape[:2], dtype=torch.bool))


def our_losses(model: FasterRCNN, batch: Batch, given: Proposals | None) -> Callable[[], Tensor]:
    """The loss of a step of ours; the proposals are its own where none are given."""
    return lambda: torch.stack([*model.learn(batch, proposals=given).losses.values()]).sum()


def their_losses(model: nn.Module, batch: Batch, given: Proposals | None) -> Callable[[], Tensor]:
    """The loss of a step of torchvision's, with the same proposals; its RPN learns, and makes its own for nothing."""
    targets = [{"boxes": o.boxes, "labels": o.labels} for o in batch.instances]
    if given is not None:
        boxes = [*given.boxes]
        model.rpn.filter_proposals = lambda *arguments: (boxes, [])

    def losses() -> Tensor:
        return torch.stack([*model([*batch.images], targets).values()]).sum()

    return losses


def stepper(
    model: nn.Module, loss: Callable[[], Tensor], device: str, bf16: bool = False, lr: float = 1e-5
) -> Callable[[], float]:
    """A function that makes one step of SGD and returns its seconds."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            value = loss()
        value.backward()
        optimizer.step()

    return timer(step, device)


def recorded_stepper(
    model: nn.Module, learn: Callable[[Batch], dict[str, Tensor]], batch: Batch, device: str, bf16: bool = False,
    lr: float = 1e-5,
) -> Callable[[], float]:  # fmt: skip
    """The same step, which a GPU has recorded; `learn` gives the losses of a batch."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)

    def losses(own: Batch) -> dict[str, Tensor]:
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            return learn(own)

    recorded = RecordedStep(model, losses)

    def step() -> None:
        recorded(batch)
        optimizer.step()

    return timer(step, device)


def timer(call: Callable[[], object], device: str) -> Callable[[], float]:
    """A function that makes the call and returns its seconds, a CPU's in processor time."""

    def timed() -> float:
        clock = time.perf_counter if device == "cuda" else time.process_time
        start = clock()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        return clock() - start

    return timed


def alternate(first: Callable[[], float], second: Callable[[], float], rounds: int) -> list[tuple[float, float]]:
    """The seconds of both, in turn; the first round warms up and is left out."""
    return [(first(), second()) for _ in range(rounds + 1)][1:]


def scenes(count: int, size: int, device: str) -> Batch:
    """The images of a step."""
    return collate(draw_scenes(range(count), replace(PRESETS["clear"], size=size))).to(device)


def peak_memory(step: Callable[[], float]) -> int:
    """The most bytes that tensors take in one step, less what is held before it, as torch's profiler counts them."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    total = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        total += event.nbytes()
        most = max(most, total)
    return most


def main(arguments: Sequence[str] | None = None) -> None:
    """Print seconds of both for each pair, the median of the ratios, and the memory of both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faster_rcnn", description=__doc__.split(":")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, default=256, help="height and width of the images")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--regions", type=int, default=512, help="of an image, in a step")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    ours, theirs = pair(options.device, options.size, options.regions)
    batch = scenes(options.batch, options.size, "cpu")
    given = proposals_of(batch, options.regions * 2)
    batch = batch.to(options.device)
    given = Proposals(*(tensor.to(options.device) for tensor in (given.boxes, given.scores, given.valid)))
    first = stepper(ours, our_losses(ours, batch, given), options.device)
    second = stepper(theirs, their_losses(theirs, batch, given), options.device)
    times = alternate(first, second, options.rounds)
    for mine, other in times:
        print(f"ours {mine:.3f} s   torchvision {other:.3f} s   ratio {mine / other:.3f}", flush=True)
    ratio = median(mine / other for mine, other in times)
    print(f"median of {len(times)} pairs: {ratio:.3f} of torchvision's time (goal ≤ {GOAL})")
    if options.device == "cpu":
        memory = [peak_memory(step) / 2**20 for step in (first, second)]
        print(f"memory of a step: ours {memory[0]:.1f} MiB, torchvision {memory[1]:.1f} MiB")


if __name__ == "__main__":
    main()
