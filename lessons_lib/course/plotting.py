"""Figures: photographs, label maps, instances, sheets of many, and small matrices number by number.

Every function draws on the axes it is given and returns the artists; none shows or closes a figure. Colours stay apart
for colour-blind eyes: things are saturated, stuff is pale. Text stands on its own background, so that it reads on light
and dark pages alike.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from torch import Tensor

from lessons_lib.data.sample import VOID, Instances, Sample

VIVID = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#882255")
"""Eight colours that stay apart for colour-blind eyes (Okabe and Ito's, with wine for black): labels 1 to 8."""

LINES = ("#0072B2", "#C27D00", "#009E73", "#BF649A", "#444444", "#D55E00", "#8F8500", "#2E8BC0")
"""Colours of lines, dots and bars, as in the course's style: at least 3:1 on its ground."""

GROUND, WATER, GRASS, VOID_COLOUR = "#EAE4D8", "#B7CDE6", "#9DB56F", "#2B2B2B"
TEXT_BOX = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}


def label_colours() -> Float[np.ndarray, "256 3"]:
    """RGB in [0, 1] of every label: pale for 0, 9 and 10, dark for void 255, vivid for the others.

    From label 11 on the vivid colours come again: paler, then darker, then paler still, and so on.
    """
    turns, place = np.divmod(np.arange(256) - 1, len(VIVID))
    tint = np.array([0, 0.45, -0.35, 0.7])[turns % 4, None]
    vivid = np.array([to_rgb(colour) for colour in VIVID])[place]
    colours = np.where(tint < 0, vivid * (1 + tint), vivid + (1 - vivid) * tint)
    for label, colour in ((0, GROUND), (9, WATER), (10, GRASS), (VOID, VOID_COLOUR)):
        colours[label] = to_rgb(colour)
    return colours


def draw_image(ax: Axes, image: Float[Tensor, "3 H W"]) -> list[Artist]:
    """Show an image, one square per pixel, without axes."""
    ax.set_axis_off()
    return [ax.imshow(image.permute(1, 2, 0).cpu().numpy(), interpolation="nearest", vmin=0, vmax=1)]


def draw_label_map(ax: Axes, label_map: Int64[Tensor, "H W"], names: Sequence[str] | None = None) -> list[Artist]:
    """Show a label map in the course's colours; with `names`, a legend beside it lists the labels that occur.

    Labels must be in [0, 255], else ValueError; those beyond `names` are listed by number.
    """
    values = label_map.cpu().numpy()
    wrong = values[(values < 0) | (values > VOID)]
    if wrong.size:
        raise ValueError(f"label_map must be in [0, 255], got {wrong[0]}")
    colours = label_colours()
    ax.set_axis_off()
    artists: list[Artist] = [ax.imshow(colours[values], interpolation="nearest")]
    if names is not None:
        patches = [_key(label, names) for label in np.unique(values).tolist()]
        legend = ax.legend(
            handles=patches, loc="upper left", bbox_to_anchor=(1.02, 1), borderaxespad=0, fontsize="small",
            facecolor="white", labelcolor="black", framealpha=1,
        )  # fmt: skip
        artists.append(legend)
    return artists


def draw_key(figure: Figure, names: Sequence[str], label_maps: Sequence[Int64[Tensor, "H W"]] = ()) -> Artist:
    """One legend below all label maps of a figure: every name and void, or the labels of `label_maps` alone."""
    found = [one.flatten() for one in label_maps]
    values = torch.cat(found).unique().tolist() if found else [*range(len(names)), VOID]
    patches = [_key(label, names) for label in values]
    columns = min(len(patches), max(1, int(figure.get_figwidth())))
    return figure.legend(handles=patches, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def draw_instances(
    ax: Axes,
    image: Float[Tensor, "3 H W"],
    instances: Instances,
    names: Sequence[str] | None = None,
    boxes: bool = False,
) -> list[Artist]:
    """Show a dimmed image with each instance filled and outlined in a colour of its own; crowds are grey.

    With `names`, each carries its name, and its confidence where it has one. `boxes` adds the boxes, which are always
    drawn where there are no masks. Colours repeat after 8.
    """
    artists = draw_image(ax, image)
    dark = 0.4 if instances.masks is not None else 0.2
    overlay = np.full((*image.shape[1:], 4), (0, 0, 0, dark))
    for i, mask in enumerate(() if instances.masks is None else instances.masks.cpu().numpy()):
        colour = _instance_colour(instances, i)
        overlay[mask] = (*colour, 0.55)
        overlay[mask & ~_shrink(mask)] = (*colour, 1)
    artists.append(ax.imshow(overlay, interpolation="nearest"))
    for i, (x0, y0, x1, y1) in enumerate(instances.boxes.tolist()):
        if boxes or instances.masks is None:
            frame = Rectangle(
                (x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor=_instance_colour(instances, i)
            )
            artists.append(ax.add_patch(frame))
    return artists + (draw_names(ax, image, instances, names) if names is not None else [])


def draw_names(ax: Axes, image: Float[Tensor, "3 H W"], instances: Instances, names: Sequence[str]) -> list[Artist]:
    """Write each instance's name, and its confidence where it has one, at a corner of its box, inside the image."""
    artists: list[Artist] = []
    for i, (x0, y0, x1, _) in enumerate(instances.boxes.tolist()):
        text = _name(int(instances.labels[i]), names)
        if instances.scores is not None:
            text += f" {instances.scores[i].item():.2f}"
        up = "top" if y0 < image.shape[1] / 10 else "bottom"
        x, side = (x1, "right") if x0 > 0.75 * image.shape[2] else (x0, "left")
        artists.append(ax.text(x, y0, text, fontsize=7.5, color="black", va=up, ha=side, bbox=TEXT_BOX))
    return artists


def contact_sheet(
    samples: Sequence[Sample], columns: int = 8, layers: Sequence[str] = ("image",), width: float = 10
) -> Figure:
    """A sheet of many samples, `width` inches wide, on a transparent background.

    `layers` names what is drawn for each, one under the other: "image", "instances", "labels".
    Raises ValueError for no samples, fewer than 1 column, or another layer.
    """
    if len(samples) == 0:
        raise ValueError("samples must hold at least 1 sample, got 0")
    if columns < 1:
        raise ValueError(f"columns must be ≥ 1, got {columns}")
    for layer in layers:
        if layer not in ("image", "instances", "labels"):
            raise ValueError(f"layers must be among 'image', 'instances', 'labels', got {layer!r}")
    columns = min(columns, len(samples))
    rows = -(-len(samples) // columns) * len(layers)
    figure, axes = plt.subplots(rows, columns, figsize=(width, width * rows / columns), squeeze=False, layout="none")
    figure.patch.set_alpha(0)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1, wspace=0.04, hspace=0.04)
    for ax in axes.flat:
        ax.set_axis_off()
    for number, sample in enumerate(samples):
        for depth, layer in enumerate(layers):
            ax = axes[number // columns * len(layers) + depth, number % columns]
            if layer == "image":
                draw_image(ax, sample.image)
            elif layer == "instances":
                draw_instances(ax, sample.image, sample.instances)
            else:
                draw_label_map(ax, sample.label_map)
    return figure


def loss_curve(steps: Sequence[int], losses: Mapping[str, Sequence[float]]) -> Figure:
    """A figure of losses over steps: each loss pale as it came, and strong as the mean of the last twentieth of steps.

    Losses of several names share the axes. Raises ValueError for lengths that differ.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.add_subplot(xlabel="step", ylabel="loss")
    for colour, (name, values) in zip(cycle(LINES), losses.items(), strict=False):
        if len(values) != len(steps):
            raise ValueError(f"losses must have {len(steps)} values each, one per step, got {len(values)} for {name!r}")
        span = max(1, len(steps) // 20)
        sums = np.cumsum([0.0, *values])
        ends = np.arange(1, len(steps) + 1)
        starts = np.maximum(0, ends - span)
        ax.plot(steps, values, color=colour, alpha=0.3, linewidth=0.8)
        ax.plot(steps, (sums[ends] - sums[starts]) / (ends - starts), color=colour, label=name)
    if losses:
        ax.legend()
    return figure


def draw_grid(
    ax: Axes,
    values: Float[Tensor, "R C"],
    muted: Bool[Tensor, "R C"] | None = None,
    chosen: Bool[Tensor, "R C"] | None = None,
) -> list[Artist]:
    """A small matrix, a number per cell: `muted` cells are grey (padding), `chosen` ones stand out (the window).

    With more than 64 cells, muted numbers are left out: text is what takes matplotlib its time.
    """
    rows, columns = values.shape
    nowhere = torch.zeros(rows, columns, dtype=torch.bool)
    muted, chosen = nowhere if muted is None else muted, nowhere if chosen is None else chosen
    fills = torch.ones(rows, columns, 3)
    fills[muted] = torch.tensor([0.86, 0.86, 0.84])
    fills[chosen] = torch.tensor([0.98, 0.78, 0.35])
    artists: list[Artist] = [ax.imshow(fills.numpy())]
    ax.set(xticks=[], yticks=[])
    line: dict[str, Any] = {"color": "#888888", "linewidth": 0.6, "clip_on": False}
    artists.append(ax.vlines([x - 0.5 for x in range(columns + 1)], -0.5, rows - 0.5, **line))
    artists.append(ax.hlines([y - 0.5 for y in range(rows + 1)], -0.5, columns - 0.5, **line))
    ax.spines[:].set_visible(False)
    font = min(13.0, 110 / max(rows, columns))
    for i in range(rows):
        for j in range(columns):
            faint = muted[i, j] and not chosen[i, j]
            if faint and rows * columns > 64:
                continue
            ink = "#555555" if faint else "#111111"
            artists.append(ax.text(j, i, f"{values[i, j].item():g}", ha="center", va="center", size=font, color=ink))
    return artists


def _instance_colour(instances: Instances, i: int) -> tuple[float, float, float]:
    crowd = instances.is_crowd is not None and bool(instances.is_crowd[i])
    return (0.75, 0.75, 0.75) if crowd else to_rgb(VIVID[i % len(VIVID)])


def _key(label: int, names: Sequence[str]) -> Patch:
    return Patch(facecolor=label_colours()[label], edgecolor="#808080", linewidth=0.5, label=_name(label, names))


def _name(label: int, names: Sequence[str]) -> str:
    if label == VOID:
        return "void"
    return names[label] if label < len(names) else str(label)


def _shrink(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The pixels whose four neighbours all lie in the mask."""
    padded = np.pad(mask, 1)
    return padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & mask
