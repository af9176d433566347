"""Scenes kept in memory as bytes, from which a training run draws its batches without drawing a scene twice."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from lessons_lib.data.sample import Batch, Instances, Sample


class Memory:
    """Pictures and label maps of one size: a quarter of the bytes of the samples that they come from, and exact.

    Raises ValueError for no samples.
    """

    def __init__(self, samples: Iterable[Sample]):
        kept = [((sample.image * 255).round().byte(), sample.label_map.byte()) for sample in samples]
        if not kept:
            raise ValueError("samples must hold at least 1 sample, got 0")
        self.images = torch.stack([image for image, _ in kept])
        self.label_maps = torch.stack([label_map for _, label_map in kept])

    def batches(self, size: int, steps: int, seed: int) -> Iterator[Batch]:
        """`steps` batches of pictures drawn at random, half of them mirrored; the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            chosen = torch.randint(len(self.images), (size,), generator=generator)
            images, label_maps = self.images[chosen], self.label_maps[chosen]
            mirrored = torch.rand(size, generator=generator) < 0.5
            images[mirrored], label_maps[mirrored] = images[mirrored].flip(3), label_maps[mirrored].flip(2)
            yield _batch(images, label_maps)

    def patches(self, size: int, seed: int) -> tuple[UInt8[Tensor, "M 3 S S"], Int64[Tensor, " M"]]:
        """A square around one random pixel of every class of every picture, and the class of that pixel.

        `size` is even; the pixel lies at (size / 2, size / 2). Beyond its border a picture is mirrored.
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
