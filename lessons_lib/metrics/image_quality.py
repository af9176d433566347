"""How well one image was done: a number to sort images by, so that the worst are looked at first."""

import torch
from jaxtyping import Float
from torch import Tensor


def image_quality(ious: Float[Tensor, "P G"]) -> float:
    """The quality of one image, 0 to 1, from the IoU of each prediction with each object.

    Rows are predictions, the most confident first; a pair that may not match, such as one of two classes, has the IoU
    0. Each prediction takes the free object that it fits best, if the IoU is above ½. The sum of their IoU is divided
    by the matches and half of all predictions and objects that are left: panoptic quality (Kirillov et al.,
    arXiv:1801.00868, section 4) of one image over all classes at once. 1 where there is nothing, and nothing was
    found. ValueError for a tensor that is no table, or for values outside [0, 1].

    >>> image_quality(torch.tensor([[0.8, 0.0], [0.0, 0.3]]))  # one match, one missed, one invented
    0.4000000059604645
    """
    if ious.dim() != 2:
        raise ValueError(f"ious must be a table (P, G), got shape {tuple(ious.shape)}")
    if ious.numel() and not 0 <= ious.min() <= ious.max() <= 1:
        raise ValueError(f"ious must be in [0, 1], got {ious.min().item():g} to {ious.max().item():g}")
    rows, columns = ious.shape
    if rows + columns == 0:
        return 1.0
    free = torch.ones(columns, dtype=torch.bool, device=ious.device)
    total = 0.0
    for row in ious if columns else ():
        best = int((row * free).argmax())
        if row[best] * free[best] > 0.5:
            free[best] = False
            total += row[best].item()
    return total / ((rows + columns) / 2)
