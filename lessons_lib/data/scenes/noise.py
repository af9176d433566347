"""Random numbers that are the same everywhere: an integer hash, and smooth noise made from it.

Nothing here depends on the order of calls, on threads, or on the processor: a number is a function of (seed, index,
counter), and floats meet only exactly rounded operations (+ − × ÷ sqrt floor min max).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_BITS32 = 0xFFFFFFFF


def mix(x: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """Scramble 32-bit integers: one-to-one, and a change of one bit changes about half of the bits.

    The multipliers are odd and below 2³¹, so no product leaves the range of int64.
    """
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & _BITS32
    x = ((x ^ (x >> 15)) * 0x735A2D97) & _BITS32
    return x ^ (x >> 15)


def picture_keys(indices: Sequence[int], seed: int) -> Int64[Tensor, "B 2"]:
    """Two 32-bit keys for each image, from (seed, index).

    Each key alone is one-to-one in the index, so no two images of a seed share one. Both arguments must be in
    [0, 2³²), else ValueError.
    """
    for name, value in (("seed", seed), *(("index", index) for index in indices)):
        if not 0 <= value <= _BITS32:
            raise ValueError(f"{name} must be in [0, 2**32), got {value}")
    seeds = mix(torch.tensor([seed, seed ^ 0x5BD1E995], dtype=torch.int64))  # (2,)
    numbers = torch.tensor(list(indices), dtype=torch.int64)  # (B,)
    return mix(numbers[:, None] ^ mix(seeds))


def uniforms(keys: Int64[Tensor, "*batch 2"], counters: Int64[Tensor, "*shape"]) -> Float[Tensor, "..."]:
    """Uniform numbers in [0, 1) on a grid of 2⁻²⁴: one for each counter, other numbers for other keys.

    Batch dimensions of `keys` broadcast against `counters`.
    """
    hashed = mix(keys[..., 0] ^ mix((keys[..., 1] + counters) & _BITS32))
    return (hashed >> 8).to(torch.float32) * 2.0**-24


def lattice(keys: Int64[Tensor, "B 2"], field: int, size: int, cell: tuple[int, int]) -> Float[Tensor, "B GH GW"]:
    """Random values at the corners of cells of `cell` = (height, width) pixels that cover size×size pixels."""
    rows = torch.arange(-(-size // cell[0]) + 1, device=keys.device)
    columns = torch.arange(-(-size // cell[1]) + 1, device=keys.device)
    counters = (field << 20) + (rows[:, None] << 10) + columns
    return uniforms(keys[:, None, None, :], counters)


def value_noise(keys: Int64[Tensor, "B 2"], field: int, size: int, cell: tuple[int, int]) -> Float[Tensor, "B S S"]:
    """Smooth noise in [0, 1] on size×size pixels: lattice values joined by smoothstep 3t² − 2t³."""
    values = lattice(keys, field, size, cell)
    values = _between(values, cell[0], dim=1)[:, :size]
    return _between(values, cell[1], dim=2)[:, :, :size]


def value_noise_at(
    values: Float[Tensor, "B GH GW"], cell: int, x: Float[Tensor, "B N"], y: Float[Tensor, "B N"]
) -> Float[Tensor, "B N"]:
    """The smooth noise of a lattice with square cells, at single points inside its images."""
    x, y = x * (1 / cell), y * (1 / cell)
    column, row = x.floor(), y.floor()
    wx, wy = smoothstep(x - column), smoothstep(y - row)
    width = values.shape[2]
    corner = row.to(torch.int64) * width + column.to(torch.int64)
    flat = values.flatten(1)
    top = flat.gather(1, corner) * (1 - wx) + flat.gather(1, corner + 1) * wx
    bottom = flat.gather(1, corner + width) * (1 - wx) + flat.gather(1, corner + width + 1) * wx
    return top * (1 - wy) + bottom * wy


def smoothstep(t: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The cubic 3t² − 2t³: from 0 to 1 on [0, 1] with flat ends."""
    return t * t * (3 - 2 * t)


def _between(values: Tensor, cell: int, dim: int) -> Tensor:
    """Fill each step of the lattice along `dim` with `cell` pixels, whose centres lie at (i + ½)/cell."""
    weight = smoothstep((torch.arange(cell, device=values.device, dtype=torch.float32) + 0.5) * (1 / cell))
    steps = values.shape[dim] - 1
    start = values.narrow(dim, 0, steps)
    change = values.narrow(dim, 1, steps) - start
    weight = weight.view([-1] + [1] * (values.ndim - 1 - dim))
    filled = start.unsqueeze(dim + 1) + change.unsqueeze(dim + 1) * weight
    return filled.flatten(dim, dim + 1)
