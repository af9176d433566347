"""Laboratory of lesson 01: the dataset explorer, image by image, over scenes and every set that is on the disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lessons_lib.course import plotting
from lessons_lib.course.labs.lab import NAMES, Lab, bare_figure, slider
from lessons_lib.data.sample import VOID, Instances, Sample
from lessons_lib.data.scenes import PRESETS, Scenes
from lessons_lib.data.statistics import Statistics, count

PICTURES = 100  # scenes of each preset
VIEWS = ("classes", "objects", "objects and boxes", "void and crowds")
LONGEST = 360  # drawn pixels along an image's longer side
BARS = 8  # classes in the chart
HALF = 55  # percent: what is said of a longer bar is written on it


@dataclass(frozen=True, eq=False)
class Page:
    """One image of a set, as large as it is drawn, and what was counted on it at its own size."""

    title: str
    name: str
    sample: Sample
    size: tuple[int, int]
    statistics: Statistics
    classes: tuple[str, ...]
    view: str
    number: int
    length: int


def scene_sets() -> dict[str, Scenes]:
    """The drawn sets, one a preset."""
    return {f"scenes, {name}": Scenes(config, PICTURES, seed=1) for name, config in PRESETS.items()}


def all_sets(folder: Path | str | None = None) -> dict[str, Any]:
    """Every set to explore: the scenes first, then what lies in `folder`, or where LESSONS_REAL_DATA says."""
    from lessons_lib.data.found import found_sets  # opens torchvision, which the lesson's first cell must not

    return {**scene_sets(), **found_sets(folder)}


def compute(sets: Mapping[str, Any], title: str, number: int, view: str) -> Page:
    """Image `number` of the set, or the last if there are fewer; DamagedFile names a damaged file."""
    samples = sets[title]
    number = min(number, len(samples) - 1)
    sample = samples[number]
    names = getattr(samples, "names", None)
    name = names[number] if names else f"scene {number}"
    statistics = count([sample], len(samples.classes))
    shown = smaller(sample)
    return Page(
        title, name, shown, tuple(sample.label_map.shape), statistics, samples.classes, view, number, len(samples)
    )


def smaller(sample: Sample, longest: int = LONGEST) -> Sample:
    """Every k-th pixel of a sample, so that no side is longer than `longest`; boxes shrink along."""
    step = -(-max(sample.label_map.shape) // longest)
    if step == 1:
        return sample
    masks = sample.instances.masks
    masks = None if masks is None else masks[:, ::step, ::step]
    instances = replace(sample.instances, boxes=sample.instances.boxes / step, masks=masks)
    return Sample(sample.image[:, ::step, ::step], sample.label_map[::step, ::step], instances)


def draw(page: Page) -> Figure:
    """The image, its annotation in the chosen view, and the classes with their share of the pixels."""
    figure = bare_figure(8.6, 3.1)
    place = {"left": 0.01, "right": 0.98, "bottom": 0.14, "top": 0.9, "wspace": 0.05}
    left, middle, right = figure.subplots(1, 3, gridspec_kw={**place, "width_ratios": (1, 1, 1.15)})
    plotting.draw_image(left, page.sample.image)
    left.set_title(page.name[:24], fontsize=10)
    middle.set_title(page.view, fontsize=10)
    draw_view(middle, page)
    draw_shares(right, page)
    return figure


def draw_view(ax: Axes, page: Page) -> None:
    """The annotation as one asks for it: void is dark and crowds are grey in all views."""
    sample = page.sample
    if page.view == "classes":
        plotting.draw_label_map(ax, sample.label_map)
    elif page.view == "void and crowds":
        plotting.draw_label_map(ax, torch.where(sample.label_map == VOID, VOID, 0))
        draw_crowds(ax, sample.instances)
    else:
        plotting.draw_instances(ax, sample.image, sample.instances, boxes=page.view == "objects and boxes")


def draw_crowds(ax: Axes, instances: Instances) -> None:
    """Crowds filled in grey, where they have masks."""
    if instances.masks is not None and instances.is_crowd is not None and instances.is_crowd.any():
        crowds = instances.masks[instances.is_crowd].any(0)
        ax.imshow(torch.where(crowds, 0.5, torch.nan).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def draw_shares(ax: Axes, page: Page) -> None:
    """The largest classes as bars, in the colours of the label map."""
    shares = page.statistics.shares
    largest = [label for label in shares.argsort(descending=True)[:BARS].tolist() if shares[label] > 0]
    values = [100 * shares[label].item() for label in largest]
    colours = plotting.label_colours()[largest]
    ax.barh(range(len(largest)), values, color=colours, edgecolor="#444444", linewidth=0.8)
    for row, (label, value) in enumerate(zip(largest, values, strict=True)):
        inside = value > HALF
        at, side = (value - 1, "right") if inside else (value + 1, "left")
        words = f"{page.classes[label]}  {value:.1f} %"
        ax.text(at, row, words, ha=side, va="center", fontsize=8, bbox=plotting.TEXT_BOX if inside else None)
    ax.set(xlim=(0, 100), ylim=(BARS - 0.4, -0.6), yticks=[], xticks=[0, 50, 100], xlabel="% of the pixels that count")
    ax.spines["left"].set_visible(False)


def caption(page: Page) -> str:
    """Which image, how large, how many objects and crowds, and how much is void."""
    height, width = page.size
    found = page.statistics
    objects, crowds = len(found.areas), found.crowds
    words = f"<b>{objects} object{'s' * (objects != 1)}</b>"
    if crowds:
        words += f" and {crowds} crowd{'s' * (crowds != 1)}"
    if objects:
        words += f", the smallest of {found.areas.min()} and the largest of {found.areas.max()} pixels"
    where = f"Picture {page.number} of {page.length} in {page.title}, {height} × {width} pixels"
    return f"{words}; {found.void_share:.1%} of the pixels are void. {where}."


def lab(folder: Path | str | None = None, sets: Mapping[str, Any] | None = None) -> Lab:
    """Set, image and view. `sets` are shown instead of all that there are: title → samples with `classes`."""
    sets = all_sets(folder) if sets is None else sets
    first = next(iter(sets))
    controls: dict[str, widgets.Widget] = {
        "title": widgets.Dropdown(options=tuple(sets), description="set", style=NAMES),
        "number": slider("picture", min(3, len(sets[first]) - 1), 0, len(sets[first]) - 1),
        "view": widgets.Dropdown(options=VIEWS, description="view", value="objects", style=NAMES),
    }
    page: Callable[..., Page] = partial(compute, sets)
    return Lab(controls, page, draw, caption, limits=lambda page: {"number": page.length - 1})


STILLS = {"number": range(8), "view": VIEWS}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
