"""A training step that a GPU records once and then repeats, so that it never waits for the processor.

A step of a detector is some thousand small kernels, and a fast GPU is done with each before the processor has launched
the next. A CUDA graph launches all of them at once. It can, because no shape in a step depends on what is in the images
but for the number of their objects; so each list of objects is filled up to a round number with regions that nothing
lies in.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from lessons_lib.data.sample import Batch, Instances

Losses = dict[str, Tensor]

ROUND = 16
"""Objects of an image are filled up to the next multiple of it: batches of one key share a recording."""

MOST = 8
"""Recordings that are kept: batches of further shapes are computed as they come."""

WARM_UP = 3
"""Steps before a recording, in which libraries choose their kernels."""


class RecordedStep:
    """Losses and gradients of a batch, recorded on a GPU the first time that a batch has a new shape.

    `learn` gives the losses of a batch, by default the model itself; whatever it does in Python, but for the tensors,
    happens at the recording alone, and it must not wait for the GPU. Elsewhere than on a GPU nothing is recorded, and
    the numbers are the same.
    """

    def __init__(self, model: nn.Module, learn: Callable[[Batch], Losses] | None = None) -> None:
        self.model, self.learn = model, learn or model
        self.gradients = {p: torch.zeros_like(p) for p in model.parameters() if p.requires_grad}
        self.recordings: dict[tuple, tuple[torch.cuda.CUDAGraph, Batch, Losses]] = {}

    def __call__(self, batch: Batch) -> Losses:
        """The losses, and in each parameter's `grad` the gradient of their sum; both are overwritten by the next."""
        for parameter, gradient in self.gradients.items():
            parameter.grad = gradient
        batch = fill_up(batch, ROUND)
        shapes = tuple(tuple(tensor.shape) for tensor in tensors_of(batch))
        if shapes not in self.recordings:
            if batch.images.device.type != "cuda" or len(self.recordings) == MOST:
                return self._make(batch)
            self.recordings[shapes] = self._record(batch)
        graph, own, losses = self.recordings[shapes]
        for mine, new in zip(tensors_of(own), tensors_of(batch), strict=True):
            mine.copy_(new, non_blocking=True)
        graph.replay()
        return losses

    def _make(self, batch: Batch) -> Losses:
        torch._foreach_zero_(list(self.gradients.values()))
        losses = self.learn(batch)
        torch.stack([*losses.values()]).sum().backward()
        return {name: loss.detach() for name, loss in losses.items()}

    def _record(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Batch, Losses]:
        """The graph, the batch that it reads, and the losses that it writes; buffers are left as they were."""
        own, buffers = copy.deepcopy(batch), [buffer.clone() for buffer in self.model.buffers()]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self._make(own)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # a loader's thread may go on
            losses = self._make(own)
        for buffer, before in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        return graph, own, losses


def fill_up(batch: Batch, multiple: int) -> Batch:
    """The batch with equally many objects in every image, a multiple: crowds beside the image, which nothing meets."""
    most = max([1, *map(len, batch.instances)])
    count = -(-most // multiple) * multiple
    return replace(batch, instances=[_filled(objects, count - len(objects)) for objects in batch.instances])


def _filled(objects: Instances, more: int) -> Instances:
    boxes = objects.boxes.new_full((more, 4), -3.0)
    boxes[:, 2:] += 1
    crowd = torch.zeros_like(objects.labels, dtype=torch.bool) if objects.is_crowd is None else objects.is_crowd
    masks = objects.masks
    if masks is not None:
        masks = torch.cat([masks, masks.new_zeros(more, *masks.shape[1:])])
    return Instances(
        torch.cat([objects.boxes, boxes]),
        torch.cat([objects.labels, objects.labels.new_ones(more)]),
        masks,
        None,
        torch.cat([crowd, crowd.new_ones(more)]),
    )


def tensors_of(record: Any) -> Iterator[Tensor]:
    """Every tensor in a batch, always in the same order."""
    if isinstance(record, Tensor):
        yield record
    elif isinstance(record, list):
        for entry in record:
            yield from tensors_of(entry)
    elif is_dataclass(record):
        for field in fields(record):
            yield from tensors_of(getattr(record, field.name))
