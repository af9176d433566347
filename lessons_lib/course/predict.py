"""The verb predict: images of one's own through a trained model, into drawings and files that annotation tools open."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn
from tqdm import tqdm

from lessons_lib.course.found_files import FoundFiles
from lessons_lib.data.exports.photos import SUFFIXES, is_image
from lessons_lib.data.exports.reader import refuse_stack
from lessons_lib.data.files import DamagedFile, read_photo
from lessons_lib.data.leftovers import listed
from lessons_lib.models.contract import SemanticModel
from lessons_lib.models.instance.faster_rcnn import FasterRCNN
from lessons_lib.models.instance.mask_rcnn import MaskRCNN
from lessons_lib.shipped.trained import Trained, open_run, open_weights
from lessons_lib.training.machine import start_machine
from lessons_lib.training.own_size import Seen, predict_resized, predict_tiles

CONFIDENCE = 0.5
"""From which on an object is kept."""

TILE = 512
"""Pixels per side of a tile, for weights that do not say at which size they were trained."""


def run_predict(args: argparse.Namespace) -> int:
    """Predicts each image into the folder --out; the exit status is 0."""
    confidence = CONFIDENCE if args.confidence is None else args.confidence
    if not 0 <= confidence <= 1:
        raise ValueError(f"confidence must be in [0, 1], got {confidence}")
    if args.size is not None and args.size < 32:
        raise ValueError(f"size must be ≥ 32, got {args.size}")
    files = image_files([Path(name) for name in args.images], Path(args.out))
    trained = open_weights(args.weights) if args.trained is None else open_run(Path(args.trained))
    if args.confidence is not None and isinstance(trained.model, SemanticModel):
        raise ValueError(f"confidence must be left out for {trained.name}, which gives each pixel a class")
    predict = _way(trained, args.size or trained.size, args.tiles)
    if args.conventions == "torchvision":
        follow_torchvision(trained.model)
    device = start_machine(args.device).device
    trained.model.to(device).eval()
    out, skipped = FoundFiles(Path(args.out), trained.classes, confidence), []
    quiet = not sys.stderr.isatty()
    with tqdm(total=len(files), desc="predicting", unit="image", disable=quiet, leave=False) as bar:
        for name, path in files.items():
            bar.update()
            try:
                refuse_stack(path)
                image = read_photo(path)
            except DamagedFile as error:
                if args.on_error == "raise":
                    hint = "; --on-error skip leaves such files out" if len(files) > 1 else ""
                    raise ValueError(f"{error}{hint}") from error
                skipped.append(f"skipped {error}")
                continue
            seen = predict(image.to(device))
            rows = out.write(name, path, image, seen)
            tqdm.write(f"{path}, {seen.how}: {out.table(rows) if len(files) == 1 else out.gist(rows)}")
    out.finish()
    print("\n".join([*skipped, out.report(len(skipped))]), flush=True)
    return 0


def _way(trained: Trained, short_side: int | None, tiles: bool) -> Callable[[Tensor], Seen]:
    """How an image is predicted: in tiles, or resized to a shorter side; None leaves its size to the model."""
    model = trained.model
    if not tiles:
        return lambda image: predict_resized(model, image, short_side)
    if not isinstance(model, SemanticModel):
        raise ValueError(f"tiles must be left out for {trained.name}: a border would cut objects in two")
    return lambda image: predict_tiles(model, image, short_side or TILE)


def image_files(given: Sequence[Path], out: Path) -> dict[str, Path]:
    """The images that are named, and those in the folders that are named, each by its name in the files to write.

    A name is the path below the folder; what would have the same name gets a number before it. What an operating
    system left in a folder, and what an earlier prediction wrote to `out` in it, are no images of it. Raises ValueError
    for a folder without images, or one that is `out` itself, FileNotFoundError for a path where nothing is.
    """
    found: dict[str, Path] = {}
    for path in given:
        if path.is_dir():
            inside = [file for file in listed(path, "**/*") if is_image(file)]
            if path.resolve() == out.resolve():
                raise ValueError(f"out must be another folder than that of the images, got {out}")
            if out.resolve().is_relative_to(path.resolve()):
                inside = [file for file in inside if not file.parent.resolve().is_relative_to(out.resolve())]
            if not inside:
                suffixes = ", ".join(sorted(SUFFIXES))
                raise ValueError(f"images must be files or folders of images ({suffixes}), got none in {path}")
            named = [(file.relative_to(path).as_posix(), file) for file in inside]
        elif path.exists():
            named = [(path.name, path)]
        else:
            raise FileNotFoundError(f"images must be files or folders, and {path} is not there")
        for name, file in named:
            number = len(found)
            while name in found:
                name, number = f"{number}_{file.name}", number + 1
            found[name] = file
    return found


def follow_torchvision(model: nn.Module) -> None:
    """From now on the model takes cells to lie where torchvision does: in maps half a cell off, in masks on pixels.

    Weights that torchvision trained are read so in any case; masks are pasted so only then. ValueError for a model
    without regions.
    """
    detector = getattr(model, "detector", model)
    if not isinstance(detector, FasterRCNN):
        raise ValueError(f"conventions must be own for {type(model).__name__}, which reads no regions")
    detector.config = replace(detector.config, half_pixel=False)
    if isinstance(model, MaskRCNN):
        model.config = replace(model.config, pasting="torchvision")
