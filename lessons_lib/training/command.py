"""The verbs train and evaluate: their options, said in the words of a terminal, and what they print."""

import argparse
import json
import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from lessons_lib.training.figures import Figures
from lessons_lib.training.schedule import SCHEDULES
from lessons_lib.training.settings import AUGMENTATIONS, PRECISIONS, Settings

DEFAULTS = {field.name: field.default for field in fields(Settings)}


def add_train(parser: argparse.ArgumentParser) -> None:
    """The options of train. Names and folders are looked at when it runs, where the models and datasets are known."""
    option = parser.add_argument
    option("model", metavar="MODEL", help="such as fcn8s or unet; a name that there is not lists them all")
    option("--option", dest="options", action="append", default=[], metavar="NAME=VALUE", help="an option of the model")
    option("--data", default=DEFAULTS["data"], metavar="NAME", help="coco, voc2012, … (default: scenes, drawn)")
    option("--root", metavar="FOLDER", help="the folder that holds the dataset")
    option("--split", default=DEFAULTS["split"], help="train, or a split's own name (default: train)")
    option(
        "--preset",
        default=DEFAULTS["preset"],
        help="which scenes: easy, context, islands, crowded or mixed (default: easy)",
    )
    option("--count", type=int, metavar="IMAGES", help="learn from so many images, kept in memory (default: all)")
    option("--size", type=int, default=DEFAULTS["size"], help="height and width of the images (default: 96)")
    option(
        "--augment", default=DEFAULTS["augment"], choices=AUGMENTATIONS, help="what is done to images (default: flip)"
    )
    option("--backbone", default=DEFAULTS["backbone"], help="such as tiny, vgg16 or resnet50 (default: tiny)")
    option("--pretrained", action="store_true", help="begin with the backbone's ImageNet weights, downloaded once")
    option("--steps", type=int, default=DEFAULTS["steps"], help="(default: 1000)")
    option("--batch", type=int, default=DEFAULTS["batch"], help="images in a step, over all processes (default: 8)")
    option("--lr", type=float, default=DEFAULTS["lr"], help="the highest learning rate (default: 0.001)")
    option(
        "--schedule", default=DEFAULTS["schedule"], choices=SCHEDULES, help="of the learning rate (default: polynomial)"
    )
    option("--weight-decay", type=float, default=DEFAULTS["weight_decay"], help="AdamW's (default: 0.01)")
    option("--clip", type=float, metavar="NORM", help="cut gradients that are longer than this (default: none)")
    option("--seed", type=int, default=DEFAULTS["seed"], help="(default: 0)")
    option("--precision", default=DEFAULTS["precision"], choices=PRECISIONS, help="bf16 pays on a GPU (default: fp32)")
    option("--device", default="auto", help="auto (cuda, else cpu), cpu, cuda or mps (default: auto)")
    option("--workers", type=int, help="processes that read images ahead (default: 0 on a CPU, 4 on a GPU)")
    option("--on-error", default="raise", choices=("raise", "skip"), help="what damaged images do (default: raise)")
    option("--out", metavar="FOLDER", help="where the run is kept (default: runs/MODEL_DATA)")
    option("--save-every", type=int, default=100, metavar="STEPS", help="how often it is saved (default: 100)")
    option("--resume", action="store_true", help="go on with the run in the folder, or begin it if there is none")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The options of evaluate."""
    option = parser.add_argument
    option("run_folder", metavar="RUN", type=Path, help="the folder of a run, or its checkpoint")
    option("--data", metavar="NAME", help="another dataset with the same classes (default: the run's)")
    option("--root", metavar="FOLDER", help="the folder that holds the dataset (default: the run's)")
    option("--split", default="val", help="val, or a split's own name (default: val)")
    option("--preset", help="which scenes (default: the run's)")
    option("--size", type=int, help="the shorter side of the images (default: the run's)")
    option("--count", type=int, metavar="IMAGES", help="how many images (default: all)")
    option("--device", default="auto", help="auto (cuda, else cpu), cpu, cuda or mps (default: auto)")
    option("--on-error", default="raise", choices=("raise", "skip"), help="what damaged images do (default: raise)")
    option(
        "--out", metavar="FOLDER", type=Path, help="where scores and drawn predictions go (default: the run's folder)"
    )


def run_train(args: argparse.Namespace, figures: Figures) -> int:
    """Trains; the exit status is 0, or 128 and the number of the signal that stopped it."""
    from lessons_lib.training.stopping import EXIT_STATUS
    from lessons_lib.training.train import train

    settings = settings_of(args)
    folder = Path(args.out or f"runs/{args.model}_{args.data}")
    words = [word for word in sys.argv[1:] if word != "--resume"]
    go_on = f"\n    python -m lessons_lib {shlex.join(words)} --resume"
    signal = train(
        settings, folder, save_every=args.save_every, device=args.device, workers=args.workers, resume=args.resume,
        on_error=args.on_error, figures=figures, go_on=go_on,
    )  # fmt: skip
    return 0 if signal is None else EXIT_STATUS + signal


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that a command line says."""
    values = {name: getattr(args, name) for name in DEFAULTS if name not in ("options", "recipe")}
    return Settings(**values, options=model_options(args.model, args.options))


def model_options(model: str, words: list[str]) -> dict[str, Any]:
    """The model's options as `NAME=VALUE` says them, each of the type of its default.

    Raises ValueError for a word without "=", for an option that the model has not, and for a value of another type.
    """
    from lessons_lib.models.zoo import find_model

    known, found = find_model(model).options, {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in known:
            allowed = ", ".join(f"{key}={value}" for key, value in known.items()) or "none"
            raise ValueError(f"option must be NAME=VALUE with an option of {model} ({allowed}), got {word!r}")
        found[name] = _like(known[name], name, text)
    return found


def _like(default: Any, name: str, text: str) -> Any:
    """A text as a value of the default's type."""
    if isinstance(default, str):
        return text
    try:
        value = json.loads(text.lower() if isinstance(default, bool) else text)
    except json.JSONDecodeError:
        value = None
    value = float(value) if isinstance(default, float) and type(value) is int else value
    if type(value) is not type(default):
        raise ValueError(f"option {name} must be of type {type(default).__name__}, as {default!r} is, got {text!r}")
    return value


def run_evaluate(args: argparse.Namespace, figures: Figures) -> int:
    """Evaluates, prints the table, then writes the same numbers as JSON and draws some predictions."""
    from accelerate.state import PartialState

    from lessons_lib.atomic import write_whole
    from lessons_lib.training.evaluate import checkpoint_of, evaluate
    from lessons_lib.training.run import PREDICTIONS, SCORES

    task, found, classes, seen = evaluate(
        args.run_folder, data=args.data, root=args.root, split=args.split, preset=args.preset, size=args.size,
        count=args.count, device=args.device, on_error=args.on_error,
    )  # fmt: skip
    if not PartialState().is_main_process:
        return 0
    lines = [f"skipped {line}" for line in found.skipped] + [task.table(found.scores)]
    print("\n".join(lines + ([f"These are images {seen}."] if seen else [])), flush=True)
    folder = args.out or checkpoint_of(args.run_folder).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / SCORES, json.dumps(found.scores, indent=2, ensure_ascii=False) + "\n")
        figures.predictions(found.examples, classes, folder / PREDICTIONS)
    except OSError as error:
        raise OSError(f"out must be a folder that can be written to (--out FOLDER), got {folder}: {error}") from None
    print(f"as JSON: {folder / SCORES}\nas images: {folder / PREDICTIONS}")
    return 0
