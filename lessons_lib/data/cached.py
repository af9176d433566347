"""Samples kept in memory as bytes, so that a training run reads or draws none of them twice."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.data.sample import Batch, Instances, Sample, Samples


class Cached(Samples):
    """The first `count` samples of a dataset, each kept in memory, exactly, once it has been read.

    Images and label maps are kept as bytes, a quarter and an eighth of their size, and masks as bits. Other attributes
    are the inner dataset's. Raises ValueError for fewer than `count` samples.
    """

    def __init__(self, samples: Samples, count: int):
        if not 1 <= count <= len(samples):
            raise ValueError(f"count must be 1 to {len(samples)}, as many images as there are, got {count}")
        self.samples: Any = samples
        self.count = count
        self._kept: dict[int, tuple[Any, ...]] = {}

    def __len__(self) -> int:
        return self.count

    def __getattr__(self, name: str):
        if name in ("samples", "count", "_kept"):  # not there yet while being unpickled
            raise AttributeError(name)
        return getattr(self.samples, name)

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples, where the dataset has names."""
        return self.samples.names[: self.count]

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Several samples; those that are not kept yet are read together where the dataset can do that."""
        for index in indices:
            if not 0 <= index < self.count:
                raise IndexError(f"index must be in [0, {self.count}), got {index}")
        missing = sorted({index for index in indices if index not in self._kept})
        together = getattr(self.samples, "__getitems__", None)
        found = together(missing) if together else [self.samples[index] for index in missing]
        self._kept |= {index: _packed(sample) for index, sample in zip(missing, found, strict=True)}
        return [_unpacked(*self._kept[index]) for index in indices]


def _packed(sample: Sample) -> tuple[Tensor, Tensor, Instances, np.ndarray | None]:
    """Image, label map, instances without masks, and their masks as bits."""
    image = (sample.image * 255).round().byte()
    if not torch.equal(image.float() / 255, sample.image):
        image = sample.image  # more than 256 brightnesses, as in 16-bit photographs
    masks = sample.instances.masks
    rest = _with(sample.instances, None)
    label_map = sample.label_map.to(torch.uint8)
    return image, label_map, rest, None if masks is None else np.packbits(masks.numpy(), axis=-1)


def _unpacked(image: Tensor, label_map: Tensor, rest: Instances, bits: np.ndarray | None) -> Sample:
    """The sample that was packed."""
    image = image.float() / 255 if image.dtype == torch.uint8 else image
    if bits is not None:
        masks = torch.from_numpy(np.unpackbits(bits, axis=-1, count=label_map.shape[1]).astype(bool))
        rest = _with(rest, masks)
    return Sample(image, label_map.long(), rest)


def _with(instances: Instances, masks: Bool[Tensor, "N H W"] | None) -> Instances:
    return Instances(instances.boxes, instances.labels, masks, instances.scores, instances.is_crowd)


class Memory:
    """Images and label maps of one size: a quarter of the bytes of the samples that they come from, and exact.

    Raises ValueError for no samples.
    """

    def __init__(self, samples: Iterable[Sample]):
        kept = [((sample.image * 255).round().byte(), sample.label_map.byte()) for sample in samples]
        if not kept:
            raise ValueError("samples must hold at least 1 sample, got 0")
        self.images = torch.stack([image for image, _ in kept])
        self.label_maps = torch.stack([label_map for _, label_map in kept])

    def batches(self, size: int, steps: int, seed: int) -> Iterator[Batch]:
        """`steps` batches of images drawn at random, half of them mirrored; the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            chosen = torch.randint(len(self.images), (size,), generator=generator)
            images, label_maps = self.images[chosen], self.label_maps[chosen]
            mirrored = torch.rand(size, generator=generator) < 0.5
            images[mirrored], label_maps[mirrored] = images[mirrored].flip(3), label_maps[mirrored].flip(2)
            yield _batch(images, label_maps)

    def patches(self, size: int, seed: int) -> tuple[UInt8[Tensor, "M 3 S S"], Int64[Tensor, " M"]]:
        """A square around one random pixel of every class of every image, and the class of that pixel.

        `size` is even; the pixel lies at (size / 2, size / 2). Beyond its border an image is mirrored.
        """
        generator = torch.Generator().manual_seed(seed)
        padded = F.pad(self.images.float(), (size // 2,) * 4, mode="reflect").to(torch.uint8)
        squares, classes = [], []
        for picture, label_map in enumerate(self.label_maps):
            for label in label_map.unique().tolist():
                places = (label_map == label).nonzero()
                y, x = places[torch.randint(len(places), (), generator=generator)].tolist()
                squares.append(padded[picture, :, y : y + size, x : x + size])
                classes.append(label)
        return torch.stack(squares), torch.tensor(classes)


def _batch(images: UInt8[Tensor, "B 3 H W"], label_maps: UInt8[Tensor, "B H W"]) -> Batch:
    count, _, height, width = images.shape
    none = Instances(
        torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, height, width, dtype=torch.bool)
    )
    sizes = torch.tensor([[height, width]]).expand(count, 2)
    return Batch(images.float() / 255, label_maps.long(), [none] * count, sizes)
