"""Spatial inhibition: a map of scores to a mask in which the positions compete, so that one object wins a step.

Romera-Paredes and Torr, "Recurrent Instance Segmentation" (arXiv:1511.08250), section 3.2, after the authors' code: a
log-softmax over all positions, one learned number b added, and a sigmoid. With p the softmax, a position is

    y = p·eᵇ / (1 + p·eᵇ),    so y > ½ only where p > e⁻ᵇ, and since Σp = 1 in fewer than eᵇ positions.

So b is a bound on the size of the mask: at the code's b = 1, two pixels. It has to grow to about the logarithm of an
object's area, and learns slowly from afar: begin there.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def spatial_inhibition(
    logits: Float[Tensor, "*B H W"], bias: Float[Tensor, ""], valid: Bool[Tensor, "*#B H W"] | None = None
) -> Float[Tensor, "*B H W"]:
    """σ(log-softmax of the logits over all positions + bias): masks in [0, 1] of at most ⌊e^bias⌋ pixels above ½.

    Positions that are not `valid`, such as padding, do not compete and get 0. Half precision is computed in float32. A
    map with no valid position is 0 everywhere, with gradient 0. ValueError for a map without positions.

    >>> spatial_inhibition(torch.tensor([[0.0, 0.0]]), torch.tensor(0.0))  # p = ½ each: ½ / (1 + ½)
    tensor([[0.3333, 0.3333]])
    """
    if logits.dim() < 2 or not logits.is_floating_point() or 0 in logits.shape[-2:]:
        raise ValueError(f"logits must be float maps of ≥ 1 position, got {logits.dtype} {tuple(logits.shape)}")
    flat = logits.to(torch.promote_types(logits.dtype, torch.float32)).flatten(-2)
    if valid is not None:
        flat = flat.masked_fill(~valid.flatten(-2), torch.finfo(flat.dtype).min / 2)
    masks = (flat.log_softmax(-1) + bias).sigmoid().view(logits.shape)
    return masks if valid is None else masks * valid


def most_pixels(bias: float) -> int:
    """⌊e^bias⌋, the most pixels of a mask under spatial inhibition that can reach ½.

    >>> [most_pixels(bias) for bias in (1.0, 3.0, 5.0, 7.0)]
    [2, 20, 148, 1096]
    """
    return math.floor(math.exp(bias))


class Inhibition(nn.Module):
    """Logits to masks with a learned bias, which begins at the logarithm of `area`, the mean pixels of an object.

    With `compete` false there is no log-softmax: every position is a sigmoid of its own, and the bias begins where all
    masks together have the same area on maps of `positions` positions.
    """

    def __init__(self, area: float, compete: bool = True, positions: int = 64 * 64) -> None:
        super().__init__()
        most = math.inf if compete else positions
        if not 0 < area < most:
            raise ValueError(f"area must be in (0, {most}) pixels, got {area}")
        self.compete = compete
        start = math.log(area) if compete else math.log(area / (positions - area))
        self.bias = nn.Parameter(torch.tensor(start))

    def forward(
        self, logits: Float[Tensor, "*B H W"], valid: Bool[Tensor, "*#B H W"] | None = None
    ) -> Float[Tensor, "*B H W"]:
        """Masks in [0, 1]; positions that are not `valid` are 0."""
        if self.compete:
            return spatial_inhibition(logits, self.bias, valid)
        masks = (logits.to(torch.promote_types(logits.dtype, torch.float32)) + self.bias).sigmoid()
        return masks if valid is None else masks * valid
