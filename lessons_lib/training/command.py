"""The verbs train and evaluate: their options, said in the words of a terminal, and what they print."""

import argparse
import shlex
import sys
from dataclasses import fields
from pathlib import Path

from lessons_lib.training.settings import PRECISIONS, Settings

DEFAULTS = {field.name: field.default for field in fields(Settings)}


def add_train(parser: argparse.ArgumentParser) -> None:
    """The options of train. Names and folders are looked at when it runs, where the models and data sets are known."""
    option = parser.add_argument
    option("model", metavar="MODEL", help="such as fcn8s or unet; a name that there is not lists them all")
    option("--data", default=DEFAULTS["data"], metavar="NAME", help="coco, voc2012, … (default: scenes, drawn)")
    option("--root", metavar="FOLDER", help="where the data set lies")
    option("--split", default=DEFAULTS["split"], help="train, or a split's own name (default: train)")
    option(
        "--preset",
        default=DEFAULTS["preset"],
        help="which scenes: easy, context, islands, crowded or mixed (default: easy)",
    )
    option("--size", type=int, default=DEFAULTS["size"], help="height and width of the pictures (default: 96)")
    option("--backbone", default=DEFAULTS["backbone"], help="such as tiny, vgg16 or resnet50 (default: tiny)")
    option("--pretrained", action="store_true", help="begin with the backbone's ImageNet weights, downloaded once")
    option("--steps", type=int, default=DEFAULTS["steps"], help="(default: 1000)")
    option("--batch", type=int, default=DEFAULTS["batch"], help="pictures a step, over all processes (default: 8)")
    option("--lr", type=float, default=DEFAULTS["lr"], help="learning rate of the first step (default: 0.001)")
    option("--seed", type=int, default=DEFAULTS["seed"], help="(default: 0)")
    option("--precision", default=DEFAULTS["precision"], choices=PRECISIONS, help="bf16 pays on a GPU (default: fp32)")
    option("--device", default="auto", help="auto (cuda, else cpu), cpu, cuda or mps (default: auto)")
    option("--workers", type=int, help="processes that read pictures ahead (default: 0 on a CPU, 4 on a GPU)")
    option("--out", metavar="FOLDER", help="where the run is kept (default: runs/MODEL_DATA)")
    option("--save-every", type=int, default=100, metavar="STEPS", help="how often it is saved (default: 100)")
    option("--resume", action="store_true", help="go on with the run in the folder, or begin it if there is none")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The options of evaluate."""
    option = parser.add_argument
    option("run_folder", metavar="RUN", type=Path, help="the folder of a run, or its checkpoint")
    option("--data", metavar="NAME", help="another data set with the same classes (default: the run's)")
    option("--root", metavar="FOLDER", help="where the data set lies (default: the run's)")
    option("--split", default="val", help="val, or a split's own name (default: val)")
    option("--preset", help="which scenes (default: the run's)")
    option("--size", type=int, help="the shorter side of the pictures (default: the run's)")
    option("--count", type=int, help="how many pictures (default: all)")
    option("--device", default="auto", help="auto (cuda, else cpu), cpu, cuda or mps (default: auto)")


def run_train(args: argparse.Namespace) -> int:
    """Trains; the exit status is 0, or 128 and the number of the signal that stopped it."""
    from lessons_lib.training.stopping import EXIT_STATUS
    from lessons_lib.training.train import train

    settings = Settings(**{name: getattr(args, name) for name in DEFAULTS})
    folder = Path(args.out or f"runs/{args.model}_{args.data}")
    words = [word for word in sys.argv[1:] if word != "--resume"]
    go_on = f"\n    python -m lessons_lib {shlex.join(words)} --resume"
    signal = train(
        settings, folder, save_every=args.save_every, device=args.device, workers=args.workers, resume=args.resume,
        go_on=go_on,
    )  # fmt: skip
    return 0 if signal is None else EXIT_STATUS + signal


def run_evaluate(args: argparse.Namespace) -> int:
    """Evaluates, prints the table, and says where the same numbers are as JSON."""
    from lessons_lib.training.evaluate import evaluate, table

    scores, path = evaluate(
        args.run_folder, data=args.data, root=args.root, split=args.split, preset=args.preset, size=args.size,
        count=args.count, device=args.device,
    )  # fmt: skip
    print(f"{table(scores)}\nas JSON: {path}")
    return 0
