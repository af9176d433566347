"""The verb predict: a model and an image of one's own; a figure, a JSON file and a table of what the model finds."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from lessons_lib.atomic import whole_file, write_whole
from lessons_lib.course.plotting import draw_instances, draw_label_map
from lessons_lib.data.files import read_photo
from lessons_lib.data.sample import Instances
from lessons_lib.models.backbones import PUBLISHED, published_weights
from lessons_lib.models.contract import InstanceModel, SemanticModel
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.mask_rcnn import MaskRCNN
from lessons_lib.models.instance.torchvision_weights import (
    load_torchvision,
    torchvision_detector,
    torchvision_mask_rcnn,
)
from lessons_lib.models.semantic.plain_fcn import plain_fcn
from lessons_lib.models.zoo import build_model
from lessons_lib.shipped import FOLDER, load_checkpoint, shipped
from lessons_lib.training.checkpoint import open_checkpoint
from lessons_lib.training.evaluate import checkpoint_of
from lessons_lib.training.machine import start_machine
from lessons_lib.training.run import fresh_model
from lessons_lib.training.settings import Settings


@dataclass(frozen=True)
class Ready:
    """A model with its weights, and its classes by label."""

    model: SemanticModel | InstanceModel
    classes: list[str]


def run_predict(args: argparse.Namespace) -> int:
    """Predicts each image; the files are called as the image, with _found.png and _found.json."""
    if not 0 <= args.confidence <= 1:
        raise ValueError(f"confidence must be in [0, 1], got {args.confidence}")
    images = [(Path(name), read_photo(name)) for name in args.images]
    ready = open_weights(args.weights) if args.trained is None else open_run(Path(args.trained))
    if args.conventions == "torchvision":
        follow_torchvision(ready.model)
    device = start_machine(args.device).device
    model, folder = ready.model.to(device).eval(), Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    for path, image in images:
        (answer,) = model.predict([image.to(device)])
        answer = answer.to("cpu")
        stem = folder / f"{path.stem}_found"
        print(f"{path}: {table(answer, ready.classes, args.confidence)}")
        entries = found_json(answer, path, image, ready.classes)
        write_whole(stem.with_suffix(".json"), json.dumps(entries, ensure_ascii=False) + "\n")
        save_picture(image, answer, ready.classes, args.confidence, stem.with_suffix(".png"))
        print(f"as a picture: {stem}.png\nas JSON: {stem}.json", flush=True)
    return 0


def open_weights(name: str) -> Ready:
    """A model with weights that torchvision published, downloaded the first time, or that come with the course.

    Raises ValueError for another name, and OSError where a download fails, which says what to put where.
    """
    models = [known for known in shipped() if known != "trunk"]
    if name in models:
        classes = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["classes"]
        model = _of_a_contract(build_model(name, len(classes)))
        load_checkpoint(name, model)
        return Ready(model, classes)
    if name not in PUBLISHED:
        raise ValueError(f"weights must be one of {', '.join((*PUBLISHED, *models))}, got {name!r}")
    state, classes = published_weights(name)
    return published_model(name, state, classes)


def published_model(name: str, state: dict[str, Tensor], classes: Sequence[str]) -> Ready:
    """torchvision's model of that name as ours."""
    if name.startswith("fcn"):
        fcn = plain_fcn(len(classes), "resnet50")
        fcn.load_state_dict({key: value for key, value in state.items() if not key.startswith("aux_")})
        return Ready(fcn, list(classes))
    build = torchvision_mask_rcnn if name.startswith("mask") else torchvision_detector
    detector = build(name.removesuffix("_coco"), len(classes))
    load_torchvision(detector, state)
    if not any("num_batches_tracked" in key for key in state):  # trained with frozen BatchNorm, which had no epsilon
        for layer in detector.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = 0.0
    return Ready(detector, list(classes))


def follow_torchvision(model: nn.Module) -> None:
    """From now on the model takes cells to lie where torchvision does: in maps half a cell off, in masks on pixels.

    Weights that torchvision trained are read so in any case; masks are pasted so only then. ValueError for a model
    without regions.
    """
    detector = model.detector if isinstance(model, MaskRCNN) else model
    if not isinstance(detector, FasterRCNN):
        raise ValueError(f"conventions must be own for {type(model).__name__}, which reads no regions")
    detector.config = replace(detector.config, half_pixel=False)
    if isinstance(model, MaskRCNN):
        model.config = replace(model.config, pasting="torchvision")


def open_run(folder: Path) -> Ready:
    """The model of a training run, as far as it has come."""
    checkpoint = open_checkpoint(checkpoint_of(folder))
    classes = checkpoint.notes["meaning"]["classes"]
    settings = Settings(**{**checkpoint.notes["settings"], "pretrained": False})
    model = _of_a_contract(fresh_model(settings, classes))
    checkpoint.restore(model)
    return Ready(model, classes)


def _of_a_contract(model: nn.Module) -> SemanticModel | InstanceModel:
    """The model, which says what it finds."""
    if not isinstance(model, SemanticModel | InstanceModel):
        raise ValueError(f"weights must be of a model that predicts, got those of {type(model).__name__}")
    return model


def table(answer: Tensor | Instances, classes: Sequence[str], confidence: float) -> str:
    """What was found as text: the sure objects with their boxes, or the share of the image that each class has."""
    if isinstance(answer, Instances):
        sure = _sure(answer, confidence)
        lines = [f"{len(sure)} object{'' if len(sure) == 1 else 's'} with a confidence of at least {confidence:g}"]
        names = [classes[label] for label in sure.labels.tolist()]
        width = max(map(len, names), default=0)
        scores = [] if sure.scores is None else sure.scores.tolist()
        drawn = [""] * len(sure) if sure.masks is None else [f", {area} pixels" for area in _areas(sure.masks)]
        for name, score, box, area in zip(names, scores, sure.boxes.tolist(), drawn, strict=True):
            x0, y0, x1, y1 = box
            lines.append(f"  {name:<{width}}  {score:.3f}  x {x0:.0f} to {x1:.0f}, y {y0:.0f} to {y1:.0f}{area}")
        return "\n".join(lines)
    counts = torch.bincount(answer.flatten(), minlength=len(classes)) / answer.numel()
    width = max(map(len, classes))
    rows = sorted(((share, name) for share, name in zip(counts.tolist(), classes, strict=True) if share), reverse=True)
    return "\n".join(["classes by their share of the image", *(f"  {n:<{width}}  {s:6.1%}" for s, n in rows)])


def found_json(answer: Tensor | Instances, path: Path, image: Tensor, classes: Sequence[str]) -> object:
    """All objects as in COCO's results files, with the image's name for an id; of label maps each class's share."""
    if isinstance(answer, Instances):
        from lessons_lib.metrics.coco import results_json

        return [entry | {"image_id": path.name} for entry in results_json([answer])]
    counts = torch.bincount(answer.flatten(), minlength=len(classes)).tolist()
    pixels = {name: count for name, count in zip(classes, counts, strict=True) if count}
    return {"image": path.name, "height": image.shape[1], "width": image.shape[2], "pixels": pixels}


def save_picture(
    image: Tensor, answer: Tensor | Instances, classes: Sequence[str], confidence: float, file: Path
) -> None:
    """The image with what was found drawn over it, as a PNG file."""
    height, width = image.shape[1:]
    figure = Figure(figsize=(8, max(2.0, 8 * height / width)), layout="constrained")
    ax = figure.subplots()
    ax.set_axis_off()
    if isinstance(answer, Instances):
        draw_instances(ax, image, _sure(answer, confidence), classes)
    else:
        draw_label_map(ax, answer, classes)
    with whole_file(file) as part:
        figure.savefig(part, format="png", dpi=120)


def _areas(masks: Tensor) -> list[int]:
    return masks.sum((1, 2)).tolist()


def _sure(found: Instances, confidence: float) -> Instances:
    return found if found.scores is None else found[found.scores >= confidence]
