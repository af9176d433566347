"""Laboratory of lesson 07: the three score maps of FCN-8s, mixed with weights of your own."""

from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from lessons_lib.course.labs.lab import Lab, bare_figure, slider
from lessons_lib.course.plotting import draw_image, draw_key, draw_label_map
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes import draw_scenes
from lessons_lib.data.scenes.config import CLASSES, PRESETS
from lessons_lib.metrics.boundary import BoundaryScores, ThinRecall
from lessons_lib.models.semantic.fcn import FCN, fcn_trunk
from lessons_lib.shipped import load_checkpoint
from lessons_lib.shipped.scores import THIN, UNSEEN_SEED

IMAGES = 8
FULL = 4  # quarters: a map counts whole


@dataclass(frozen=True)
class Mixture:
    """A scene, what each score map says by itself, and what the mixture says."""

    sample: Sample
    alone: dict[str, Int64[Tensor, "H W"]]
    label_map: Int64[Tensor, "H W"]
    weights: dict[str, float]
    right: float  # share of pixels
    boundary_f: float
    thin_recall: float  # NaN where the scene has nothing thin


@cache
def _model() -> FCN:
    model = FCN(fcn_trunk("tiny"), len(CLASSES)).eval()
    load_checkpoint("fcn8s", model)
    return model


@cache
def _scene(number: int) -> Sample:
    return draw_scenes([number + 40], replace(PRESETS["islands"], void_border=False), UNSEEN_SEED)[0]


@cache
def _contributions(number: int) -> dict[str, Float[Tensor, "K H W"]]:
    """What each score map adds to the logits; all that follows them is linear, so their sum is the network's output."""
    model, image = _model(), _scene(number).image[None]
    with torch.no_grad():
        maps = model.backbone(image)
        scores = {name: layer(maps[name]) for name, layer in model.scores.items()}
        alone = {name: [score * (key == name) for key, score in scores.items()] for name in scores}
        return {name: model.fuse(parts, image.shape[2:])[0] for name, parts in alone.items()}


def compute(image: int, deep: int, middle: int, fine: int) -> Mixture:
    """The prediction for one scene with c5, c4 and c3 weighted by quarters: 0 leaves a map out, 4 takes it whole."""
    sample, parts = _scene(image), _contributions(image)
    weights = dict(zip(parts, (deep / FULL, middle / FULL, fine / FULL), strict=True))
    label_map = torch.stack([weight * parts[name] for name, weight in weights.items()]).sum(0).argmax(0)
    boundary, thin = BoundaryScores(), ThinRecall(THIN)
    for metric in (boundary, thin):
        metric.update(label_map, sample.label_map)
    return Mixture(
        sample,
        {name: part.argmax(0) for name, part in parts.items()},
        label_map,
        weights,
        (label_map == sample.label_map).float().mean().item(),
        boundary.compute()["boundary_f"],
        thin.compute()["thin_recall"],
    )


def draw(mixture: Mixture) -> Figure:
    """Above: the scene, its truth and the mixture; below: each score map by itself."""
    figure = bare_figure(6.6, 5.2)
    layout = {"left": 0.01, "right": 0.99, "bottom": 0.12, "top": 0.95, "hspace": 0.14, "wspace": 0.05}
    axes = figure.subplots(2, 3, gridspec_kw=layout, subplot_kw={"xticks": [], "yticks": []})
    draw_image(axes[0, 0], mixture.sample.image)
    draw_label_map(axes[0, 1], mixture.sample.label_map)
    draw_label_map(axes[0, 2], mixture.label_map)
    titles = ["the scene", "the truth", "your mixture"]
    for ax, (name, label_map) in zip(axes[1], mixture.alone.items(), strict=True):
        draw_label_map(ax, label_map)
        titles.append(f"{name} alone, stride {2 ** int(name[1])}")
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title, fontsize=10)
        ax.set_axis_off()
    draw_key(figure, CLASSES)
    return figure


def caption(mixture: Mixture) -> str:
    """The mixture and its three scores."""
    words = " + ".join(f"{weight:g} · {name}" for name, weight in mixture.weights.items())
    thin = "no thin object here" if mixture.thin_recall != mixture.thin_recall else f"{mixture.thin_recall:.0%} found"
    return (
        f"<b>{words}</b>: {mixture.right:.0%} of the pixels right, boundary F {mixture.boundary_f:.2f}, "
        f"rings and poles: {thin}."
    )


def lab() -> Lab:
    """The scene, and how many quarters of each score map count."""
    controls = {
        "image": slider("scene", 0, 0, IMAGES - 1),
        "deep": slider("c5, quarters", FULL, 0, FULL),
        "middle": slider("c4, quarters", FULL, 0, FULL),
        "fine": slider("c3, quarters", FULL, 0, FULL),
    }
    return Lab(controls, compute, draw, caption)


STILLS = {"middle": range(FULL + 1), "fine": range(FULL + 1)}
"""What the course's site lets a reader move, where there is no kernel: control → positions."""
