"""What a training run looks like: its losses step by step, and its predictions beside the truth, as PNG files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lessons_lib.atomic import whole_file
from lessons_lib.course.plotting import draw_image, draw_instances, draw_label_map, loss_curve
from lessons_lib.data.sample import Instances, Sample

SURE = 0.3
"""Predicted objects of less confidence are not drawn."""


def losses(lines: Sequence[dict[str, Any]], file: Path) -> None:
    """Draws the losses of a run's journal, one line per step, into a PNG file."""
    names = lines[0]["losses"]
    figure = loss_curve([line["step"] for line in lines], {n: [line["losses"][n] for line in lines] for n in names})
    _save(figure, file, dpi=120)


def predictions(examples: Sequence[tuple[Sample, Tensor | Instances]], classes: Sequence[str], file: Path) -> None:
    """Draws for each example the image, the truth and the prediction, side by side, into a PNG file."""
    rows = max(1, len(examples))
    figure = Figure(figsize=(6.6, 2.2 * rows), layout="constrained")
    axes = figure.subplots(rows, 3, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, title in zip(axes[0], ("image", "truth", "prediction"), strict=True):
        ax.set_title(title, fontsize=9)
    for row, (sample, answer) in zip(axes, examples, strict=False):
        draw_image(row[0], sample.image)
        if isinstance(answer, Instances):
            sure = answer[answer.scores >= SURE] if answer.scores is not None else answer
            truth = sample.instances if answer.masks is not None else replace(sample.instances, masks=None)
            _draw_objects(row[1], sample.image, truth, classes)
            _draw_objects(row[2], sample.image, sure, classes)
        else:
            draw_label_map(row[1], sample.label_map)
            draw_label_map(row[2], answer, classes)
    _save(figure, file, dpi=100)


def _draw_objects(ax: Axes, image: Tensor, instances: Instances, classes: Sequence[str]) -> None:
    """Masks where there are any, boxes alone where there are none."""
    boxes = instances.masks is None
    if boxes:
        nothing = torch.zeros(len(instances), *image.shape[1:], dtype=torch.bool)
        instances = replace(instances, masks=nothing)
    draw_instances(ax, image, instances, classes, boxes=boxes)


def _save(figure: Figure, file: Path, dpi: int) -> None:
    with whole_file(file) as part:
        figure.savefig(part, format="png", dpi=dpi)
