"""Two orders of the same systems, and how sure an order is: Kendall's τ, and the bootstrap over training seeds.

τ-b is Kendall's, "The Treatment of Ties in Ranking Problems" (Biometrika 33, 1945); the bootstrap with percentile
intervals is Efron's, "Bootstrap Methods: Another Look at the Jackknife" (Annals of Statistics 7, 1979).
"""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from lessons_lib.checks import checked_int


def kendall_tau(first: Float[Tensor, "*D N"], second: Float[Tensor, "*#D N"]) -> Float64[Tensor, "*D"]:
    """How far two scores agree on the order of N things: 1 for the same order, −1 for the opposite one.

    Of all pairs, those that both scores order alike minus those that they order oppositely, divided by the geometric
    mean of how many pairs each score orders at all (τ-b): a pair that one score ties counts for neither. NaN where all
    are tied. Further dimensions in front are separate orders, such as the draws of a bootstrap; `second` may be one
    order for all of them. ValueError for fewer than two things, for two numbers of things, or for values that are not
    finite.

    >>> kendall_tau(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 3.0, 2.0])).item()  # 2 pairs agree, 1 does not
    0.3333333333333333
    """
    for name, values in (("first", first), ("second", second)):
        if values.dim() < 1 or values.shape[-1] < 2:
            raise ValueError(f"{name} must hold at least 2 values, got shape {tuple(values.shape)}")
        if not values.isfinite().all():
            raise ValueError(f"{name} must be finite, got {values[~values.isfinite()][0].item()}")
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(f"second must have as many values as first, {first.shape[-1]}, got {second.shape[-1]}")
    i, j = torch.triu_indices(first.shape[-1], first.shape[-1], 1, device=first.device)  # every pair once
    one, other = ((values[..., i] - values[..., j]).sign().double() for values in (first, second))
    return (one * other).sum(-1) / (one.abs().sum(-1) * other.abs().sum(-1)).sqrt()


def chosen_means(values: Float64[Tensor, "S K"], chosen: Int64[Tensor, "D S K"]) -> Float64[Tensor, "D S"]:
    """The mean of each system over the seeds that each of D draws has chosen for it: numbers from 0 to K − 1."""
    return values.expand(len(chosen), -1, -1).gather(2, chosen).mean(2)


def bootstrap_means(
    values: Float64[Tensor, "S K"], draws: int, generator: torch.Generator | None = None
) -> Float64[Tensor, "{draws} S"]:
    """Means over seeds as they might have come out: of each system K scores are drawn with replacement and averaged.

    `values` are the scores of S systems, each trained from K seeds. The systems are drawn independently, as their runs
    share nothing but the seed's number. With few seeds the means spread too little: their variance is (K − 1)/K of the
    usual estimate, 2/3 of it for three seeds, and no mean lies beyond the best or the worst run. ValueError for an
    empty table or draws < 1.
    """
    checked_int("draws", draws, least=1)
    if values.dim() != 2 or values.numel() == 0:
        raise ValueError(f"values must be a table (systems, seeds), neither 0, got shape {tuple(values.shape)}")
    device = generator.device if generator else values.device
    chosen = torch.randint(values.shape[1], (draws, *values.shape), generator=generator, device=device)
    return chosen_means(values, chosen.to(values.device))


def interval(
    samples: Float64[Tensor, "D ..."], level: float = 0.95
) -> tuple[Float64[Tensor, "*S"], Float64[Tensor, "*S"]]:
    """The ends between which the middle share `level` of D samples lies, of each system by itself.

    ValueError for no samples or for a level outside ]0, 1[.

    >>> [round(end.item(), 3) for end in interval(torch.arange(101.0).double(), level=0.9)]
    [5.0, 95.0]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    if samples.dim() < 1 or len(samples) == 0:
        raise ValueError(f"samples must be at least one, got shape {tuple(samples.shape)}")
    low, high = samples.quantile(samples.new_tensor([(1 - level) / 2, (1 + level) / 2]), dim=0)
    return low, high


def ahead(samples: Float64[Tensor, "D S"]) -> Float64[Tensor, "S S"]:
    """The share of draws in which the system of a row is ahead of that of a column; a tie is half a lead.

    Near 1 or 0 the difference is larger than the spread over seeds, near ½ it is not. NaN without draws.
    """
    differences = samples[:, :, None] - samples[:, None, :]
    return (1 + differences.sign()).mean(0) / 2
