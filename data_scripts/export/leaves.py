"""Leaves in the CVPPP layout: how scenes are written in it, and which of its files must agree."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from data_scripts.check.findings import Report
from data_scripts.check.orphans import beside, check_orphans
from data_scripts.entry import Entry, Export
from data_scripts.export.pictures import masks_in, object_map, save_numbers, save_photo
from data_scripts.export.relabel import ONE_KIND
from data_scripts.fetch.whole_folder import whole_folder
from lessons_lib.data.files import DamagedFile, read_numbers
from lessons_lib.data.leftovers import listed
from lessons_lib.data.reader import Reader
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.leaves import LEAVES


def write_leaves(samples: Iterable[Sample], out: Path | str) -> int:
    """Write `out/training/A1` with four images per plant and the counts in A1.csv; return how many plants.

    Every instance becomes a leaf, and every pixel without one background: the layout has no void. A centre is the pixel
    of a leaf that is nearest to the mean of its pixels.
    Raises ValueError for what `write_voc` refuses, FileExistsError where `out` is not empty. Nothing stays on an error.
    """
    lines = []
    with whole_folder(out) as draft:
        home = draft / "training" / "A1"
        home.mkdir(parents=True)
        for number, sample in enumerate(samples, start=1):
            name = f"plant{number:03d}"
            save_photo(sample.image, home / f"{name}_rgb.png")
            numbers = object_map(sample)
            numbers = torch.where(numbers == VOID, 0, numbers)
            save_numbers(numbers, home / f"{name}_label.png", palette=True)
            save_numbers((numbers > 0).long(), home / f"{name}_fg.png", palette=True)
            centres = torch.zeros_like(numbers)
            for mask in masks_in(sample):
                pixels = mask.nonzero().float()
                row, column = pixels[(pixels - pixels.mean(dim=0)).norm(dim=1).argmin()].long()
                centres[row, column] = 1
            save_numbers(centres, home / f"{name}_centers.png", palette=True)
            lines.append(f"{name}_rgb.png, {len(sample.instances)}\n")
        (home / "A1.csv").write_text("".join(lines), encoding="utf-8")
    return len(lines)


def check_labels(root: Path, report: Report) -> None:
    """Note numbered leaves without a photograph."""
    check_orphans(root, report, "**/*_label.png", lambda file: beside(file, "", "", "_label.png", "_rgb.png"))


def check_leaves(samples: Reader, report: Report) -> None:
    """Note where the foreground, the centres or the counts of leaves disagree with the numbered leaves."""
    if len(samples) == 0:
        return
    home = samples.paths(0)[0].parent
    counts = {}
    for file in listed(home, "*.csv"):
        for line, row in enumerate(csv.reader(file.read_text("utf-8-sig", errors="replace").splitlines()), start=1):
            if len(row) == 2 and row[1].strip().isdecimal():
                counts[row[0].strip()] = int(row[1])
            elif row:
                report.add("broken annotation", file, f"line {line}", f"must be a name and a count, got {row}")
    for index, name in enumerate(samples.names):
        label_file = samples.paths(index)[1]
        try:
            labels = read_numbers(label_file)
            for kind in ("fg", "centers"):
                if (file := home / f"{name}_{kind}.png").is_file():
                    _compare(read_numbers(file, labels.shape, ("L", "P", "1")) > 0, labels, kind, file, report)
        except DamagedFile as error:
            report.add_damage(error)
            continue
        leaves = len(np.unique(labels[labels > 0]))
        if counts.get(f"{name}_rgb.png", leaves) != leaves:
            file = listed(home, "*.csv")[0]
            what = f"must count the leaves of {label_file.name}, {leaves}, got {counts[f'{name}_rgb.png']}"
            report.add("broken annotation", file, f"{name}_rgb.png", what)


def _compare(marked: np.ndarray, labels: np.ndarray, kind: str, file: Path, report: Report) -> None:
    if kind == "fg" and (wrong := int((marked != (labels > 0)).sum())):
        report.add(
            "broken annotation", file, "pixels", f"must mark the numbered leaves, got {wrong} pixels that differ"
        )
    if kind == "centers" and (wrong := int((marked & (labels == 0)).sum())):
        report.add("broken annotation", file, "pixels", f"must mark pixels of leaves, got {wrong} outside them")


_EXPORT = Export(write=write_leaves, labels=ONE_KIND, reads_back=LEAVES)


ENTRIES = (Entry(LEAVES, _EXPORT, check_folder=check_labels, check_samples=check_leaves),)
