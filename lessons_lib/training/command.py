"""The verbs train and evaluate: their options on the command line, and what they print."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from lessons_lib.models.names import require_model
from lessons_lib.training.asked import data_in, refuse_what_is_not_asked
from lessons_lib.training.figures import Figures
from lessons_lib.training.schedule import SCHEDULES
from lessons_lib.training.settings import AUGMENTATIONS, PRECISIONS, Settings

CALLED = {"model": "MODEL", "options": "--option", "weights": "--from"}
"""What the command line calls a setting, where that is another word."""

FIELDS = {field.name: field.default for field in fields(Settings)}
"""The settings' names and defaults. An option that is not given leaves no trace in the arguments."""


def add_train(parser: argparse.ArgumentParser) -> None:
    """The options of train. Names and folders are checked when it runs, since models and datasets are imported then."""
    what: dict[str, dict[str, Any]] = {
        "model": {"nargs": "?", "metavar": "MODEL", "help": "such as fcn8s or pieces; a wrong name lists them all"},
        "--recipe": {"metavar": "NAME", "help": "train a shipped checkpoint anew, such as fcn8s, instead of MODEL"},
        "--overfit": {
            "type": int,
            "metavar": "N",
            "help": "learn N images by heart, or say that it failed",
        },
    }
    for name, words in what.items():
        parser.add_argument(name, **words)
    _add_settings(parser.add_argument)
    option = parser.add_argument
    option("--device", default="auto", help="auto (cuda, else cpu), cpu, cuda or mps (default: auto)")
    for name, words in RUN_OPTIONS.items():
        option(f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, **words)


RUN_OPTIONS: dict[str, dict[str, Any]] = {
    "workers": {"type": int, "help": "processes that read images ahead (default: 0 on a CPU, 4 on a GPU)"},
    "on_error": {"choices": ("raise", "skip"), "help": "stop at a damaged image, or leave it out (default: raise)"},
    "out": {"metavar": "FOLDER", "help": "where the run is kept (default: runs/MODEL_DATA)"},
    "save_every": {"type": int, "metavar": "STEPS", "help": "how often it is saved (default: 100)"},
    "recorded": {"action": "store_true", "help": "on a GPU: record a step and repeat it, often in half the time"},
    "resume": {"action": "store_true", "help": "continue the run in the folder, or begin it if there is none"},
}
"""The options of a run that is kept in a folder."""


def _add_settings(add: Callable[..., Any]) -> None:
    """The options that are fields of the settings."""

    def option(name: str, **words: Any) -> None:
        add(name, default=argparse.SUPPRESS, **words)

    option("--option", dest="options", action="append", metavar="NAME=VALUE", help="an option of the model's own")
    option("--data", metavar="NAME", help="coco, labelme, … or auto (default: auto with --root, else drawn scenes)")
    option("--root", metavar="FOLDER", help="the folder that holds the dataset, recognised by its files")
    option("--split", help="train, or a split's own name (default: train)")
    presets = "easy, clear, context, islands, crowded, rosettes, mixed or mixed:NAME,…"
    option("--preset", help=f"scenes: {presets} (default: easy)")
    option("--count", type=int, metavar="IMAGES", help="learn from the first so many, kept in memory (default: all)")
    option("--size", type=int, help="height and width of the images (default: 96)")
    option("--augment", choices=AUGMENTATIONS, help="how images are varied (default: flip)")
    option("--backbone", help="such as tiny, vgg16 or resnet50 (default: tiny)")
    option("--pretrained", action="store_true", help="begin with the backbone's ImageNet weights, downloaded once")
    option("--from", dest="weights", metavar="NAME", help="begin with weights: shipped, published, or a run's folder")
    option("--steps", type=int, help="(default: 1000)")
    option("--batch", type=int, help="images in a step, over all processes (default: 8)")
    option("--lr", type=float, help="the highest learning rate (default: 0.001)")
    option("--schedule", choices=SCHEDULES, help="of the learning rate (default: polynomial)")
    option("--weight-decay", type=float, help="AdamW's (default: 0.01)")
    option("--clip", type=float, metavar="NORM", help="cut gradients that are longer than this (default: none)")
    option("--seed", type=int, help="(default: 0)")
    option("--precision", choices=PRECISIONS, help="bf16 pays on a GPU (default: fp32)")


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


def run_train(args: argparse.Namespace, figures: Figures, begin: Callable[..., str]) -> int:
    """Trains; the exit status is 0, or 128 and the number of the signal that stopped it, or 1 where overfitting fails.

    `begin(settings, model, classes)` gives a fresh model the weights that --from names, and says what it took. Raises
    ValueError for options that do not go together.
    """
    from lessons_lib.training.train import train

    settings = settings_of(args)
    start_from = None if settings.weights is None else partial(begin, settings)
    if args.overfit is not None:
        return run_overfit(args, settings, start_from)
    folder = Path(getattr(args, "out", f"runs/{settings.model}_{settings.data}"))
    return _status(train(settings, folder, **how_of(args), figures=figures, start_from=start_from))


def run_overfit(args: argparse.Namespace, settings: Settings, start_from: Callable[..., str] | None) -> int:
    """Trains on a few images until they are learned; the exit status is 0, or 1 if they are not."""
    for name in (*RUN_OPTIONS, "count", "augment", "schedule"):
        if hasattr(args, name):
            raise ValueError(f"overfit must go without --{name.replace('_', '-')}, which it has no use for")
    from lessons_lib.training.overfit import overfit

    verdict = overfit(settings, args.overfit, args.device, start_from=start_from)
    print(verdict)
    return 0 if verdict.learned else 1


def run_recipe(args: argparse.Namespace, follow: Callable[..., int | None], figures: Figures) -> int:
    """Trains a shipped checkpoint anew through `follow(name, folder, …)`; a recipe fixes everything but the seed.

    Raises ValueError for a model or settings beside the recipe.
    """
    for name in ("model", "overfit", *FIELDS):
        if name not in ("seed", "recipe") and getattr(args, name, None) is not None:
            words = CALLED.get(name, f"--{name.replace('_', '-')}")
            raise ValueError(f"recipe must go without {words}: it says all but --seed")
    folder = Path(getattr(args, "out", f"runs/recipe_{args.recipe}"))
    how = how_of(args)
    if args.recipe == "trunk":
        if set(how) != {"device", "go_on"}:
            raise ValueError("recipe trunk must go with --seed and --out alone, since it is trained in one go")
        how = {}
    else:
        how["figures"] = figures
    return _status(follow(args.recipe, folder, seed=getattr(args, "seed", 0), **how))


def _status(signal: int | None) -> int:
    from lessons_lib.training.stopping import EXIT_STATUS

    return 0 if signal is None else EXIT_STATUS + signal


def how_of(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `train` that the command line gives, apart from the settings."""
    words = [word for word in sys.argv[1:] if word != "--resume"]
    how = {name: getattr(args, name) for name in RUN_OPTIONS if name != "out" and hasattr(args, name)}
    return {"device": args.device, "go_on": f"\n    python -m lessons_lib {shlex.join(words)} --resume", **how}


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings of a command line. Raises ValueError for an unknown model, option or value."""
    values = {name: getattr(args, name) for name in FIELDS if name not in ("options", "recipe") and hasattr(args, name)}
    require_model(args.model)
    if values.get("root") is not None:
        args.data = values["data"] = data_in(values.get("data"), values["root"])  # asked and told once
    refuse_what_is_not_asked(values.get("data", FIELDS["data"]), values.get("root"), values.get("preset"))
    return Settings(**values, options=model_options(args.model, getattr(args, "options", [])))


def model_options(model: str, words: list[str]) -> dict[str, Any]:
    """The model's options as `NAME=VALUE` says them, each of the type of its default.

    Raises ValueError for a word without "=", an option that the model does not have or that comes twice, and a
    value of another type.
    """
    from lessons_lib.models.zoo import find_model

    known, found = find_model(model).options, {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in known:
            allowed = ", ".join(f"{key}={value}" for key, value in known.items()) or "none"
            raise ValueError(f"option must be NAME=VALUE with an option of {model} ({allowed}), got {word!r}")
        if name in found:
            raise ValueError(f"option {name} must be given once, got it twice, the second time as {text!r}")
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
    from lessons_lib.training.checkpoint import open_checkpoint
    from lessons_lib.training.evaluate import checkpoint_of, evaluate
    from lessons_lib.training.run import PREDICTIONS, SCORES
    from lessons_lib.training.tasks import images_in_words

    trained = open_checkpoint(checkpoint_of(args.run_folder)).notes["settings"]["data"]
    data = data_in(args.data, args.root, trained) if args.root is not None else args.data
    refuse_what_is_not_asked(data or trained, args.root, args.preset)
    task, found, classes, seen = evaluate(
        args.run_folder, data=data, root=args.root, split=args.split, preset=args.preset, size=args.size,
        count=args.count, device=args.device, on_error=args.on_error,
    )  # fmt: skip
    if not PartialState().is_main_process:
        return 0
    lines = [f"skipped {line}" for line in found.skipped]
    if args.on_error == "skip":
        lines.append(f"{images_in_words(len(found.skipped))} skipped, whose files are damaged")
    lines.append(task.table(found.scores))
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
