"""An image of two tensors that should be equal: expected, got, and their difference."""

import io

import torch
from torch import Tensor

FEW_CELLS = 8  # per side; smaller images have their numbers written in the cells
MOST_CELLS = 96  # a side; of a larger plane only the part around the first difference is shown


def draw_difference(expected: Tensor, got: Tensor | None, index: tuple[int, ...]) -> bytes | None:
    """PNG of one plane (the last two axes) that holds the position `index`; None where there is nothing to draw.

    Tensors of different shape are shown side by side without a difference. The first differing cell is framed.
    """
    from matplotlib.figure import Figure

    tensors = [tensor for tensor in (expected, got) if tensor is not None]
    planes = [plane for tensor in tensors if (plane := _plane(tensor, index)) is not None]
    if len(planes) < len(tensors):
        return None
    titles = ["expected", "got"][: len(planes)]
    if got is not None and expected.shape == got.shape:
        planes.append(planes[1] - planes[0])
        titles.append("got − expected")
    figure = Figure(figsize=(1.8 * len(planes), 2.1), dpi=100, facecolor="white", layout="constrained")
    finite = torch.cat([plane[plane.isfinite()] for plane in planes[:2]])
    low, high = (finite.min().item(), finite.max().item()) if finite.numel() else (0.0, 1.0)
    for i, (plane, title) in enumerate(zip(planes, titles, strict=True)):
        axes = figure.add_subplot(1, len(planes), i + 1)
        if i < 2:
            _draw_plane(axes, plane, "cividis", low, high)
        else:
            largest = plane[plane.isfinite()].abs().max().item() if plane.isfinite().any() else 1.0
            _draw_plane(axes, plane, "RdBu_r", -largest or -1.0, largest or 1.0)
        axes.set_title(title, fontsize=9, color="black")
        if index and len(planes) == 3:
            _frame(axes, index, expected.shape)
    if len(expected.shape) > 2:
        leading = ", ".join(map(str, index[:-2] or (0,) * (expected.ndim - 2)))
        figure.suptitle(f"plane [{leading}]", fontsize=8, color="black")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _plane(tensor: Tensor, index: tuple[int, ...]) -> Tensor | None:
    """The last two axes at index's leading positions, as float64, cut to MOST_CELLS per side; None if empty."""
    if tensor.numel() == 0 or tensor.device.type == "meta":
        return None
    plane = tensor.abs() if tensor.is_complex() else tensor
    while plane.ndim > 2:
        place = index[tensor.ndim - plane.ndim] if len(index) == tensor.ndim else 0
        plane = plane[place]
    plane = plane.double().reshape(1, -1) if plane.ndim < 2 else plane.double()
    top, left = _corner(index, tensor.shape)
    plane = plane[top : top + MOST_CELLS, left : left + MOST_CELLS].cpu()
    return torch.where(plane.isfinite(), plane.clamp(-1e300, 1e300), plane)  # the colour scale would overflow


def _corner(index: tuple[int, ...], shape: torch.Size) -> tuple[int, int]:
    """Where the shown part of the plane begins."""
    if len(index) != len(shape):
        return 0, 0
    row, column = (0, 0, *index)[-2:]
    height, width = (1, 1, *shape)[-2:]
    top = min(max(row - MOST_CELLS // 2, 0), max(height - MOST_CELLS, 0))
    left = min(max(column - MOST_CELLS // 2, 0), max(width - MOST_CELLS, 0))
    return top, left


def _draw_plane(axes, plane: Tensor, colours: str, low: float, high: float) -> None:
    image = axes.imshow(plane.numpy(), cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    if max(plane.shape) > FEW_CELLS:
        return
    for row, line in enumerate(plane.tolist()):
        for column, value in enumerate(line):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            axes.text(column, row, format(value, ".3g"), ha="center", va="center", fontsize=7,
                      color="white" if dark else "black")  # fmt: skip


def _frame(axes, index: tuple[int, ...], shape: torch.Size) -> None:
    """Mark the first differing cell."""
    from matplotlib.patches import Rectangle

    top, left = _corner(index, shape)
    row, column = (0, 0, *index)[-2:]
    corner = (column - left - 0.5, row - top - 0.5)
    axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor="#d55e00", linewidth=2))
