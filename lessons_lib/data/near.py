"""Near-duplicates: images that are almost the same, found by a hash of what they look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

SIDE = 8
"""Differences along each side of the small image: 64 of them are the hash."""

APART = 6
"""Of these 64, so many may differ between two images of one scene; of unrelated photographs about 32 do."""

SHADES = 0.03
"""How much the grey values of two small images of one scene may differ on average, of 1."""


@dataclass(frozen=True)
class Print:
    """What is compared of an image: `bits`, where it grows brighter to the right, and `grey`, it in 8 × 8 pixels."""

    bits: UInt8[np.ndarray, "8"]
    grey: Float[np.ndarray, "64"]


@dataclass(frozen=True)
class Near:
    """Two images of different splits that are almost the same; `apart` of 64 differences are not."""

    split: str
    name: str
    other_split: str
    other_name: str
    apart: int


def fingerprint(image: Float[Tensor, "3 H W"]) -> Print:
    """The difference hash of an image: whether each of 8 × 9 grey cells is darker than the next in its row.

    Another size, compression or brightness change few of the 64 bits. Source: N. Krawetz, "Kind of Like That" (2013).
    """
    grey = image.mean(0)[None, None]
    cells = F.interpolate(grey, size=(SIDE, SIDE + 1), mode="area")[0, 0]
    small = F.interpolate(grey, size=(SIDE, SIDE), mode="area").flatten()
    return Print(np.packbits((cells[:, 1:] > cells[:, :-1]).numpy().ravel()), small.numpy())


def near_duplicates(prints: Mapping[str, Sequence[tuple[str, Print]]]) -> list[Near]:
    """The pairs of almost the same images that lie in two splits; `prints` has the name and print of each image.

    Both must agree, the hash and the grey values: images without contrast have hashes of noise.

    >>> image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    >>> near_duplicates({"train": [("a", fingerprint(image))], "val": [("b", fingerprint(0.98 * image))]})
    [Near(split='train', name='a', other_split='val', other_name='b', apart=0)]
    """
    found, splits = [], list(prints)
    for place, split in enumerate(splits):
        for other in splits[place + 1 :]:
            if not prints[split] or not prints[other]:
                continue
            bits = np.stack([entry.bits for _, entry in prints[other]])
            grey = np.stack([entry.grey for _, entry in prints[other]])
            for name, entry in prints[split]:
                apart = np.bitwise_count(bits ^ entry.bits).sum(1)
                shades = np.abs(grey - entry.grey).mean(1)
                for i in np.flatnonzero((apart <= APART) & (shades <= SHADES)).tolist():
                    found.append(Near(split, name, other, prints[other][i][0], int(apart[i])))
    return found
