"""Laboratory of lesson 09: the receptive field of any stack of layers, or of a module of one's own, layer by layer."""

import dataclasses
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as widgets
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.ops.receptive_field.chain import Field, Layer, extent, path_counts, receptive_fields
from lessons_lib.ops.receptive_field.module import module_fields
from lessons_lib.ops.receptive_field.seen import seen_pixels

OWN = "your own stack"
MODULE = "your module"
NETWORKS = {
    "dilations 1, 2, 4, 8": "3 3d2 3d4 3d8",
    "four plain layers": "3 3 3 3",
    "dilations 2, 2, 2": "3d2 3d2 3d2",
    "dilations 2, 4, 8": "3d2 3d4 3d8",
    "context module": "3 3 3d2 3d4 3d8 3d16 3 1",
    "VGG-16, to pool5": " ".join(["3 3 2s2"] * 2 + ["3 3 3 2s2"] * 3),
    "AlexNet, to fc6": "11s4 3s2 5 3s2 3 3 3 3s2 6",
}
MOST_LAYERS, MOST_PIXELS = 24, 1000
LARGEST_IMAGE = 400  # pixels per side of the image on which a module is measured
NEVER_SEEN = "#9b2226"


@dataclass(frozen=True)
class View:
    """The layers, the field of each along rows and columns, the one looked at, and how strongly pixels are seen.

    `weights` covers the field that is looked at in a chain (the number of paths, the largest 1), and the field of the
    output in a module (1 where a pixel is seen). Where the stack cannot be read, `problem` says why.
    """

    names: tuple[str, ...] = ()
    fields: tuple[tuple[Field, Field], ...] = ()
    layer: int = 0
    weights: Float[Tensor, "H W"] = dataclasses.field(default_factory=lambda: torch.zeros(0, 0))
    problem: str = ""

    @property
    def field(self) -> tuple[Field, Field]:
        """The field of the layer that is looked at."""
        return self.fields[self.layer - 1]


def read_stack(text: str) -> list[Layer]:
    """Layers from text such as "3 3d2 2s2": a kernel, then s, p, d with stride, padding, dilation, in any order."""
    layers = []
    for word in text.replace(",", " ").split():
        if not re.fullmatch(r"\d+([spd]\d+)*", word):
            raise ValueError(
                f'a layer is a kernel, with s, p, d where it has them, such as "3d2" or "2s2"; got "{word}"'
            )
        kernel, *marks = re.findall(r"[spd]?\d+", word)
        numbers = {mark[0]: int(mark[1:]) for mark in marks}
        layers.append(Layer(int(kernel), numbers.get("s", 1), numbers.get("p", 0), numbers.get("d", 1)))
    if not 1 <= len(layers) <= MOST_LAYERS:
        raise ValueError(f"a stack has 1 to {MOST_LAYERS} layers, got {len(layers)}")
    if receptive_fields(layers)[-1].size > MOST_PIXELS:
        raise ValueError(f"at most {MOST_PIXELS} pixels can be drawn, got {receptive_fields(layers)[-1].size}")
    return layers


def compute(network: str, stack: str, layer: int) -> View:
    """The field of layer `layer` of a network of the list, or of the text `stack` where it is "your own stack"."""
    try:
        layers = read_stack(stack if network == OWN else NETWORKS[network])
        fields = receptive_fields(layers)
    except ValueError as error:
        return View(problem=str(error))
    layer = min(layer, len(layers))
    paths = path_counts(layers[:layer])
    weights = torch.outer(paths, paths) / paths.max() ** 2
    return View(tuple(map(_name, layers)), tuple((f, f) for f in fields), layer, weights)


def _name(layer: Layer) -> str:
    marks = (("s", layer.stride, 1), ("p", layer.padding, 0), ("d", layer.dilation, 1))
    return str(layer.kernel_size) + "".join(f"{letter}{value}" for letter, value, usual in marks if value != usual)


def look_at(module: nn.Module, channels: int = 3) -> Callable[[int], View]:
    """A function of the layer's number, for one module: followed and measured once, here."""
    met = module_fields(module, channels)
    rows, columns = met[-1].rows, met[-1].columns
    height, width = (int(min(LARGEST_IMAGE, f.size + 2 * f.jump + 8)) for f in (rows, columns))
    seen = seen_pixels(module, (height, width), channels=channels)
    measured_rows, measured_columns = (slice(f.start, f.start + f.size) for f in extent(seen))
    seen = seen[measured_rows, measured_columns].double()
    names = tuple(row.name if row.kind in ("", row.name) else f"{row.name} {row.kind}" for row in met)
    fields = tuple((row.rows, row.columns) for row in met)
    return lambda layer: View(names, fields, min(layer, len(met)), seen)


def draw(view: View) -> Figure:
    """The pixels that are seen, with the field as a frame, and the size of every layer's field."""
    figure = bare_figure(7.6, 3.3)
    if view.problem:
        figure.text(0.5, 0.5, "no field", ha="center", va="center", size=14)
        return figure
    spaces = {"left": 0.02, "right": 0.98, "bottom": 0.14, "top": 0.88, "wspace": 0.25, "width_ratios": (1, 1.5)}
    left, right = figure.subplots(1, 2, gridspec_kw=spaces)
    height, width = view.weights.shape
    shades = torch.where(view.weights > 0, 0.12 + 0.6 * view.weights.sqrt(), torch.nan)
    left.set_facecolor(NEVER_SEEN)
    left.imshow(shades.numpy(), cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    rows, columns = view.field
    if math.isfinite(rows.size) and math.isfinite(columns.size):
        corner = ((width - columns.size) / 2 - 0.5, (height - rows.size) / 2 - 0.5)
        left.add_patch(Rectangle(corner, columns.size, rows.size, fill=False, edgecolor="#D55E00", linewidth=2))
    left.set(xticks=[], yticks=[], title=f"field: {_by(view.field)}")
    _bars(right, view)
    return figure


def _bars(ax, view: View) -> None:
    sizes = [max(f.size for f in pair) for pair in view.fields]
    most = max([s for s in sizes if math.isfinite(s)], default=1)
    heights = [s if math.isfinite(s) else 1.1 * most for s in sizes]
    colours = ["#D55E00" if n == view.layer else "#2E8BC0" for n in range(1, len(sizes) + 1)]
    ax.bar(range(1, len(sizes) + 1), heights, color=colours)
    for n, (height, size) in enumerate(zip(heights, sizes, strict=True), 1):
        if len(sizes) <= 12 or n == view.layer:
            ax.text(n, height, "all" if math.isinf(size) else f"{size:g}", ha="center", va="bottom", size=8)
    ax.set(
        xlabel="layer",
        title="pixels per side",
        xticks=range(1, len(sizes) + 1, 1 + len(sizes) // 13),
        ylim=(0, 1.25 * most),
    )
    ax.set_yticks([])


def _by(pair: tuple[Field, Field]) -> str:
    rows, columns = ("all" if math.isinf(f.size) else f"{f.size:g}" for f in pair)
    return "the whole image" if rows == columns == "all" else f"{rows} × {columns}"


def caption(view: View) -> str:
    """The layer, its field, and how much of the field is seen at all."""
    if view.problem:
        return f"<b>No field.</b> {view.problem}."
    rows, _ = view.field
    share = ""
    if tuple(view.weights.shape) == (view.field[0].size, view.field[1].size):
        seen = (view.weights > 0).float().mean().item()
        share = f" Of its pixels {seen:.0%} are seen" + (", the red ones never." if seen < 1 else ".")
    where = f" Cells lie {rows.jump:g} pixel{'s' * (rows.jump != 1)} apart; the first field begins at {rows.start:g}."
    where = where if math.isfinite(rows.size) else ""
    name = view.names[view.layer - 1]
    pixels = " pixels" if math.isfinite(rows.size) else ""
    return f"<b>Layer {view.layer} of {len(view.names)}, {name}: {_by(view.field)}{pixels}.</b>{where}{share}"


def lab(module: nn.Module | None = None, channels: int = 3) -> Lab:
    """A list of known networks, a line of text for one's own stack, and a slider for the layer; or, given a module that
    takes images (B, `channels`, H, W), a slider through its layers."""
    if module is not None:
        return Lab({"layer": slider("layer", LAST, 1, LAST)}, look_at(module, channels), draw, caption, _layers)
    controls = {
        "network": widgets.Dropdown(options=[*NETWORKS, OWN], description="network", style=NAMES),
        "stack": widgets.Text("3 2s2 3d2 3d2", description="own stack", style=NAMES),
        "layer": slider("layer", 4, 1, 4),
    }
    return Lab(controls, compute, draw, caption, _layers)


LAST = 999
"""More layers than a slider ever shows: it is clamped to the last."""


def _layers(view: View) -> dict[str, int]:
    return {"layer": len(view.names)} if view.names else {}


STILLS = {"network": tuple(NETWORKS), "layer": range(1, 9)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
