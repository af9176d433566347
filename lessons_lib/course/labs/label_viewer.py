"""Laboratory of lesson 20: a viewer for the labels of any folder, image by image and fault by fault."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ipywidgets as widgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lessons_lib.course.labs.explorer import smaller
from lessons_lib.course.labs.lab import NAMES, Lab, Values, bare_figure, slider
from lessons_lib.course.plotting import draw_image, draw_instances, draw_label_map
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.look import look_at
from lessons_lib.data.sample import Sample, Samples
from lessons_lib.data.scenes import PRESETS, Scenes

OBJECTS, BOXES, LABELS, NOTHING = "objects", "objects and boxes", "label map", "the image alone"
LAYERS = (OBJECTS, BOXES, LABELS, NOTHING)
LONGEST = 640
"""Pixels of the longer side of what is drawn; a larger image is thinned out to it."""


@dataclass(frozen=True, eq=False)
class View:
    """One image of a split: its sample, or why it has none; its faults; and where in the split it stands, from 1."""

    split: str
    number: int
    count: int
    name: str
    sample: Sample | None
    damage: str
    faults: tuple[str, ...]
    layer: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """What is wrong with the image that has this index in its split."""

    split: str
    index: int
    words: str


def viewer(splits: Mapping[str, Samples], faults: Sequence[Fault] = ()) -> Callable[..., View]:
    """`compute` for these splits; the images last seen are kept."""

    @cache
    def read(split: str, index: int) -> Sample | str:
        try:
            return splits[split][index]
        except DamagedFile as error:
            return str(error)

    def compute(split: str, number: int, layer: str) -> View:
        """Image `number`, from 1, of a split; beyond its end the last one."""
        samples = splits[split]
        number = min(number, len(samples))
        found = read(split, number - 1) if number else "the split is empty"
        sample, damage = (None, found) if isinstance(found, str) else (found, "")
        words = tuple(fault.words for fault in faults if (fault.split, fault.index) == (split, number - 1))
        names = getattr(samples, "names", None)
        name = str(names[number - 1]) if names is not None and number else ""
        return View(split, number, len(samples), name, sample, damage, words, layer, tuple(samples.classes))

    return compute


def next_fault(faults: Sequence[Fault], splits: Sequence[str], split: str, number: int) -> tuple[str, int]:
    """The split and the number, from 1, of the first image with a fault after this one, round the end if need be.

    The same place where nothing has a fault.
    """
    order = list(splits)
    places = sorted({(order.index(fault.split), fault.index + 1) for fault in faults})
    here = (order.index(split), number)
    later = [place for place in places if place > here] or places or [here]
    return order[later[0][0]], later[0][1]


def draw(view: View) -> Figure:
    """The image beside itself with its labels; of a damaged file the reason."""
    figure = bare_figure(8.4, 4.0)
    left, right = figure.subplots(
        1, 2, gridspec_kw={"left": 0.01, "right": 0.8, "bottom": 0.02, "top": 0.9, "wspace": 0.04}
    )
    if view.sample is None:
        left.set_axis_off()
        right.set_axis_off()
        left.text(0, 0.5, view.damage, transform=left.transAxes, wrap=True, va="center")
        return figure
    sample = smaller(view.sample, LONGEST)
    draw_image(left, sample.image)
    left.set_title(f"{view.name} · {view.sample.image.shape[2]} × {view.sample.image.shape[1]}", loc="left", fontsize=9)
    draw_layer(right, sample, view.layer, view.classes)
    right.set_title(view.layer, loc="left", fontsize=9)
    return figure


def draw_layer(ax: Axes, sample: Sample, layer: str, classes: Sequence[str]) -> None:
    """What the annotator has drawn, as the layer says."""
    if layer == LABELS:
        draw_label_map(ax, sample.label_map, classes)
    elif layer == NOTHING:
        draw_image(ax, sample.image)
    else:
        draw_instances(ax, sample.image, sample.instances, names=classes, boxes=layer == BOXES)


def caption(view: View) -> str:
    """Where one is, what is there, and what is wrong with it."""
    place = f"<b>{view.split}, image {view.number} of {view.count}.</b> "
    if view.sample is None:
        return f"{place}It cannot be read: {view.damage}"
    labels = view.sample.instances.labels.tolist()
    counted = ", ".join(f"{labels.count(label)} {view.classes[label]}" for label in sorted(set(labels)))
    text = f"{place}{len(labels)} object{'s' * (len(labels) != 1)}{': ' * bool(counted)}{counted}. "
    return text + (f"<b>Fault:</b> {'; '.join(view.faults)}." if view.faults else "No fault is known.")


def lab_of(root: Path | str, name: str = "auto") -> Lab:
    """The viewer of a folder in any layout that the course reads, with the faults that `look_at` finds in it.

    `name` is the layout where it is not to be recognised by its files. Raises as `open_dataset` does.
    """
    look = look_at(root, name)
    names = {split: list(samples.names) for split, samples in look.opened.items()}
    faults = [
        Fault(fault.split, names[fault.split].index(fault.name), fault.what)
        for fault in look.faults
        if fault.name in names.get(fault.split, ())
    ]
    return lab(look.opened, faults)


def lab(splits: Mapping[str, Samples], faults: Sequence[Fault] = ()) -> Lab:
    """The viewer of opened splits by name, with the faults that are known.

    The slider takes the arrow keys; each button works by Enter or Space.
    """
    names = list(splits)
    controls: dict[str, widgets.Widget] = {
        "split": widgets.Dropdown(options=names, description="split", style=NAMES),
        "number": slider("image", 1, 1, max(1, len(splits[names[0]]))),
        "layer": widgets.Dropdown(options=LAYERS, description="shown", style=NAMES),
    }
    number = controls["number"]

    def by(step: int) -> Values:
        return {"number": min(max(number.value + step, 1), number.max)}

    def to_fault() -> Values:
        split, found = next_fault(faults, names, controls["split"].value, number.value)
        return {"split": split, "number": found}

    buttons = {
        "previous": lambda: by(-1),
        "next": lambda: by(1),
        f"next fault ({len(faults)})": to_fault,
    }
    return Lab(
        controls, viewer(splits, faults), draw, caption, lambda view: {"number": max(1, view.count)}, buttons=buttons
    )


def example() -> Lab:
    """The viewer of eight scenes, for who has no folder at hand."""
    return lab({"train": Scenes(PRESETS["easy"], 8, seed=1)})


STILLS = {"number": range(1, 9), "layer": LAYERS}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
