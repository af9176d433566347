"""The course from a terminal, `python -m lessons_lib VERB`: doctor, lab, reset, progress, check, data, train, …"""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

from lessons_lib.scoreboard.command import add_scoreboard
from lessons_lib.terminal import parsed
from lessons_lib.terminal import run as run_command
from lessons_lib.training.command import add_evaluate, add_train


def _doctor(args: argparse.Namespace) -> int:
    from lessons_lib.course.doctor import doctor

    return doctor()


def _lab(args: argparse.Namespace) -> int:
    from lessons_lib.course.launch import lab

    return lab(browser=args.browser, port=args.port)


def _reset(args: argparse.Namespace) -> int:
    from lessons_lib.course.launch import reset

    return reset(args.lesson)


def _progress(args: argparse.Namespace) -> int:
    from lessons_lib.course.course_map import progress

    print(progress())
    return 0


def _cards(args: argparse.Namespace) -> int:
    from lessons_lib.course.flashcards import write_cards

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # as Anki reads it, whatever the terminal's encoding
    write_cards(cast(io.TextIOBase, sys.stdout))
    return 0


def _check(args: argparse.Namespace) -> int:
    from lessons_lib.course.teachers.limits import GIGABYTE, Limits
    from lessons_lib.course.teachers.pages import write_pages
    from lessons_lib.course.teachers.submissions import check_folder, write_csv

    limits = Limits(seconds=60 * args.minutes, memory=GIGABYTE * args.memory)
    submissions = check_folder(args.folder, limits)
    write_csv(submissions, cast(io.TextIOBase, sys.stdout))
    folder = Path(args.folder).resolve()
    pages = Path(args.pages) if args.pages else folder.with_name(f"{folder.name}_cards")
    count = len(write_pages(submissions, pages))
    print(f"{count} page{'s' * (count != 1)} of cards in {pages}", file=sys.stderr)
    return 0


def _data(args: argparse.Namespace) -> int:
    from lessons_lib.course.dataset_look import run_look

    return run_look(args)


def _train(args: argparse.Namespace) -> int:
    from lessons_lib.training.command import run_recipe, run_train, settings_of

    if args.recipe is None:
        settings_of(args)  # a wrong name is refused before anything heavy is imported
    from lessons_lib.course import run_figures

    if args.recipe is None:
        from lessons_lib.shipped.beginning import begin_with_weights

        return run_train(args, run_figures, begin_with_weights)
    from lessons_lib.shipped.recipes import follow

    return run_recipe(args, follow, run_figures)


def _evaluate(args: argparse.Namespace) -> int:
    from lessons_lib.course import run_figures
    from lessons_lib.training.command import run_evaluate

    return run_evaluate(args, run_figures)


def _scoreboard(args: argparse.Namespace) -> int:
    from lessons_lib.scoreboard.make import run_scoreboard

    return run_scoreboard(args)


def _predict(args: argparse.Namespace) -> int:
    from lessons_lib.course.predict import run_predict

    return run_predict(args)


def own_version() -> str:
    """The version that is installed; a folder of files alone, as `make gpu` may be given, has none."""
    try:
        return version("lessons_lib")
    except PackageNotFoundError:
        return "(not installed)"


def parser() -> argparse.ArgumentParser:
    """The verbs and their options; each verb imports what it needs only when it runs."""
    top = argparse.ArgumentParser(prog="python -m lessons_lib", description="From Strides to Masks, from a terminal.")
    top.add_argument("--version", action="version", version=f"From Strides to Masks {own_version()}")
    verbs = top.add_subparsers(metavar="VERB")

    def verb(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        return added

    verb(
        "doctor", _doctor, "check this machine, line by line, with a cure for each cross; exit status 1 if there is one"
    )
    lab = verb("lab", _lab, "copy new lessons into my_course/ and open JupyterLab at the first")
    lab.add_argument("--no-browser", dest="browser", action="store_false", help="print the address only")
    lab.add_argument("--port", type=int, help="the port to listen on (default: the first free one from 8888)")
    reset = verb("reset", _reset, "give back one lesson as shipped; yours is kept aside under a dated name")
    reset.add_argument("lesson", help="its number or name, such as 04")
    verb("progress", _progress, "the map of the course with the exercises that you passed")
    verb("cards", _cards, "the questions of all self-checks as cards for Anki: cards > cards.tsv")
    check = verb("check", _check, "run each notebook handed in: a CSV of the exercises passed, and pages of cards")
    check.add_argument("folder", help="a folder of notebooks, or of a folder for each student; their code is run")
    check.add_argument("--pages", metavar="FOLDER", help="where the pages go (default: FOLDER_cards beside the folder)")
    check.add_argument("--minutes", type=float, default=10, help="that one notebook may take (default: 10)")
    check.add_argument("--memory", type=float, default=4, help="that one notebook may take, in GB (default: 4)")
    data = verb("data", _data, "look at a folder of labelled images before training: classes, splits, faults, a sheet")
    data.add_argument("folder", metavar="FOLDER", help="a dataset, or an export of an annotation tool")
    data.add_argument(
        "--data", default="auto", metavar="NAME", help="its layout (default: auto, recognised by its files)"
    )
    data.add_argument(
        "--on-error", default="skip", choices=("raise", "skip"), help="list damaged images, or stop (default: skip)"
    )
    data.add_argument("--out", default="sheet.png", metavar="FILE", help="where the sheet goes (default: sheet.png)")
    add_train(verb("train", _train, "train a model, on drawn scenes or on a dataset in a folder"))
    add_evaluate(verb("evaluate", _evaluate, "score a trained model, by default on images that it has not seen"))
    predict = verb(
        "predict", _predict, "find objects or classes in images: drawings, and files that annotation tools open"
    )
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="files such as photo.jpg, or folders of them")
    whose = predict.add_mutually_exclusive_group(required=True)
    whose.add_argument("--weights", metavar="NAME", help="published (fasterrcnn_resnet50_fpn_coco, …) or shipped ones")
    whose.add_argument("--run", dest="trained", metavar="RUN", help="the folder of a run, or its checkpoint")
    predict.add_argument("--confidence", type=float, help="of the objects that are kept (default: 0.5)")
    predict.add_argument(
        "--conventions", choices=("own", "torchvision"), default="own",
        help="where cells of maps and masks lie: in the middle of their pixels, or as torchvision has it (own)",
    )  # fmt: skip
    predict.add_argument("--device", default="auto", help="auto (cuda, else cpu), cpu, cuda or mps (default: auto)")
    predict.add_argument("--size", type=int, help="the shorter side to which images are resized (default: as trained)")
    predict.add_argument("--tiles", action="store_true", help="label maps: read large images in squares, not resized")
    predict.add_argument(
        "--on-error", default="raise", choices=("raise", "skip"), help="what damaged images do (default: raise)"
    )
    predict.add_argument("--out", default="found", metavar="FOLDER", help="where the files go (default: found)")
    add_scoreboard(verb("scoreboard", _scoreboard, "train and score every system of the lecture under one budget"))
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and returns its exit status: 0 well, 1 a cross or an error, 2 a wrong command line, 130 Ctrl-C."""
    top = parser()
    args = parsed(top, argv)
    if not hasattr(args, "run"):
        top.print_help()
        return 0
    if getattr(args, "recipe", "") is None and args.model is None:
        top.error("train needs a MODEL or --recipe NAME: see python -m lessons_lib train --help")
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise  # it is no error of the command: the terminal's `run` ends it quietly
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        # the library's own errors name what to change; a traceback adds nothing
        print(f"error: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        from lessons_lib.training.memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(f"error: memory ran out; a smaller --size needs less ({str(error).splitlines()[0]})", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run_command(main))
