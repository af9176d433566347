"""The types every dataset gives: an image, its label map, its instances; and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.utils.data import Dataset

from lessons_lib.data.class_table import Colour

VOID = 255
"""The label of pixels that never count, in every label map."""


@dataclass(frozen=True, eq=False)
class Instances:
    """The objects of one image, ground truth or predicted; N = 0 is an ordinary case.

    boxes (N, 4): xyxy in pixels, exclusive ends, so a box's width is x1 - x0.
    labels (N,): classes, counted from 1.
    masks (N, H, W): the object's visible pixels; None where only boxes are known.
    scores (N,): on predictions; is_crowd (N,): on ground truth, true for a region of many objects.
    Raises ValueError for a wrong dtype or shape, TypeError for anything that is no tensor.
    """

    boxes: Float[Tensor, "N 4"]
    labels: Int64[Tensor, " N"]
    masks: Bool[Tensor, "N H W"] | None
    scores: Float[Tensor, " N"] | None = None
    is_crowd: Bool[Tensor, " N"] | None = None

    def __post_init__(self) -> None:
        _require("boxes", self.boxes, torch.float32, ("N", 4))
        count = self.boxes.shape[0]
        if self.masks is not None:
            _require("masks", self.masks, torch.bool, (count, "H", "W"))
        _require("labels", self.labels, torch.int64, (count,))
        if self.scores is not None:
            _require("scores", self.scores, torch.float32, (count,))
        if self.is_crowd is not None:
            _require("is_crowd", self.is_crowd, torch.bool, (count,))

    def __len__(self) -> int:
        return self.boxes.shape[0]

    def __getitem__(self, chosen: Int64[Tensor, " n"] | Bool[Tensor, " N"] | slice) -> "Instances":
        """The instances at some positions, or where a mask over them is true, in that order."""
        return _apply(self, lambda tensor: tensor[chosen])

    def best(self, count: int) -> "Instances":
        """The `count` most confident instances, or all if they are fewer, most confident first; ties keep their order.

        Raises ValueError for instances without scores.
        """
        if self.scores is None:
            raise ValueError("instances must have scores to be ranked, got none")
        return self[self.scores.argsort(descending=True, stable=True)[:count]]

    @property
    def known_masks(self) -> Bool[Tensor, "N H W"]:
        """The masks. Raises ValueError for instances of which only the boxes are known."""
        if self.masks is None:
            raise ValueError("instances must have masks, got boxes alone")
        return self.masks

    def to(self, device: torch.device | str) -> "Instances":
        """The same instances with every tensor on `device`."""
        return _apply(self, lambda tensor: tensor.to(device))

    def pin_memory(self) -> "Instances":
        """The same instances in page-locked memory, from where a GPU copies faster."""
        return _apply(self, Tensor.pin_memory)


@dataclass(frozen=True, eq=False)
class Sample:
    """One image with its semantic and its instance ground truth.

    image (3, H, W): RGB in [0, 1]. label_map (H, W): class of each pixel, 255 is void.
    Raises ValueError where sizes or dtypes disagree, TypeError for anything that is no tensor.
    """

    image: Float[Tensor, "3 H W"]
    label_map: Int64[Tensor, "H W"]
    instances: Instances

    def __post_init__(self) -> None:
        _require("image", self.image, torch.float32, (3, "H", "W"))
        _require("label_map", self.label_map, torch.int64, tuple(self.image.shape[1:]))
        if not isinstance(self.instances, Instances):
            raise TypeError(f"instances must be Instances, got {type(self.instances).__name__}")
        masks = self.instances.masks
        if masks is not None and masks.shape[1:] != self.image.shape[1:]:
            got, allowed = tuple(masks.shape[1:]), tuple(self.image.shape[1:])
            raise ValueError(f"instances.masks must be as large as the image, {allowed}, got {got}")

    def to(self, device: torch.device | str) -> "Sample":
        """The same sample with every tensor on `device`."""
        return _apply(self, lambda tensor: tensor.to(device))

    def pin_memory(self) -> "Sample":
        """The same sample in page-locked memory."""
        return _apply(self, Tensor.pin_memory)


class Samples(Dataset[Sample]):
    """What every dataset of the course is: map-style, with the names and the colours of its labels."""

    classes: tuple[str, ...]
    colours: tuple[Colour, ...]

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> Sample:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Batch:
    """Images of possibly different sizes, padded at the right and at the bottom to the largest.

    images (B, 3, H, W): padded with 0. label_maps (B, H, W): padded with 255, so padding never counts.
    instances: one `Instances` per image, at the image's own size. sizes (B, 2): height and width before padding.
    """

    images: Float[Tensor, "B 3 H W"]
    label_maps: Int64[Tensor, "B H W"]
    instances: list[Instances]
    sizes: Int64[Tensor, "B 2"]

    def __post_init__(self) -> None:
        _require("images", self.images, torch.float32, ("B", 3, "H", "W"))
        count, _, height, width = self.images.shape
        _require("label_maps", self.label_maps, torch.int64, (count, height, width))
        _require("sizes", self.sizes, torch.int64, (count, 2))
        if len(self.instances) != count:
            raise ValueError(f"instances must hold {count} entries, one per image, got {len(self.instances)}")

    def __len__(self) -> int:
        return self.images.shape[0]

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch with every tensor on `device`."""
        return _apply(self, lambda tensor: tensor.to(device))

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory; a DataLoader with pin_memory=True calls this."""
        return _apply(self, Tensor.pin_memory)


def collate(samples: Sequence[Sample]) -> Batch:
    """Join samples into one batch, for `DataLoader(..., collate_fn=collate)`.

    Images are padded with 0 and label maps with 255 to the largest height and width; instances stay lists.
    Raises ValueError for no samples.
    """
    if len(samples) == 0:
        raise ValueError("samples must hold at least 1 sample, got 0")
    sizes = [tuple(sample.label_map.shape) for sample in samples]
    height, width = max(h for h, _ in sizes), max(w for _, w in sizes)
    first = samples[0]
    images = first.image.new_zeros((len(samples), 3, height, width))
    label_maps = first.label_map.new_full((len(samples), height, width), VOID)
    for b, (sample, (h, w)) in enumerate(zip(samples, sizes, strict=True)):
        images[b, :, :h, :w] = sample.image
        label_maps[b, :h, :w] = sample.label_map
    sizes_tensor = torch.tensor(sizes, dtype=torch.int64, device=images.device)
    return Batch(images, label_maps, [sample.instances for sample in samples], sizes_tensor)


def tight_boxes(masks: Bool[Tensor, "N H W"]) -> Float[Tensor, "N 4"]:
    """The smallest box around each mask: xyxy in pixels, exclusive ends; an empty mask gives 0, 0, 0, 0."""
    x0, x1 = _extent(masks.any(dim=1))
    y0, y1 = _extent(masks.any(dim=2))
    return torch.stack([x0, y0, x1, y1], dim=1).to(torch.float32)


def _extent(hit: Bool[Tensor, "N L"]) -> tuple[Int64[Tensor, " N"], Int64[Tensor, " N"]]:
    """First true position and one past the last, in each row; 0 and 0 where none is true."""
    if hit.numel() == 0:
        return hit.new_zeros(len(hit), dtype=torch.int64), hit.new_zeros(len(hit), dtype=torch.int64)
    length = hit.shape[1]
    place = torch.arange(length, device=hit.device)
    end = torch.where(hit, place + 1, 0).amax(dim=1)
    start = torch.where(hit, place, length).amin(dim=1)
    return torch.minimum(start, end), end


def _require(name: str, value: object, dtype: torch.dtype, shape: tuple) -> None:
    """Refuse a tensor of another dtype or shape; a letter in `shape` stands for any length."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.dtype != dtype:
        raise ValueError(f"{name} must be {dtype}, got {value.dtype}")
    got = tuple(value.shape)
    fits = len(got) == len(shape) and all(
        isinstance(want, str) or want == have for want, have in zip(shape, got, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join(str(length) for length in shape) + ("," if len(shape) == 1 else "") + ")"
        raise ValueError(f"{name} must have shape {wanted}, got {got}")


def _apply(record, change):
    """A copy of a sample, batch or instances with `change` applied to every tensor in it."""
    new = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Tensor):
            value = change(value)
        elif isinstance(value, Instances):
            value = _apply(value, change)
        elif isinstance(value, list):
            value = [_apply(entry, change) for entry in value]
        new[field.name] = value
    return type(record)(**new)
