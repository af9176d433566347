"""Check a dataset on the disk: `python -m data_scripts.validate PATH` lists what is damaged, file by file."""

import argparse
import hashlib
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_scripts.check.findings import Report
from data_scripts.datasets import DATASETS
from data_scripts.entry import Entry
from lessons_lib.data.exports.photos import SUFFIXES
from lessons_lib.data.files import DamagedFile, open_picture, orientation, read_mat, refuse_missing
from lessons_lib.data.folders import HalfOfSplit
from lessons_lib.data.open import recognised
from lessons_lib.data.sample import VOID, Sample
from lessons_lib.terminal import parsed, run

Seen = dict[bytes, tuple[str, str]]
"""The pixels of a photograph, as a digest → its split and its name."""


def validate(path: Path | str, layouts: list[str] | None = None) -> Report:
    """Read every sample of every split in a folder, and check what a reader does not need to look at.

    `layouts` are names of datasets; they are recognised unless given. A folder may hold several.
    Raises FileNotFoundError for a folder that is not there, ValueError for an unknown layout.
    """
    root = Path(path)
    report = Report(root)
    for name in recognise(root) if layouts is None else layouts:
        if name not in DATASETS:
            raise ValueError(f"layout must be among {', '.join(DATASETS)}, got {name!r}")
        seen: Seen = {}
        entry, missing, opened = DATASETS[name], "", 0
        if entry.check_folder is not None:
            entry.check_folder(root, report)
        for split in entry.spec.parts():
            try:
                samples = entry.spec.reader(root, split)
            except HalfOfSplit as error:
                opened += 1
                report.add("missing file", root, f"{name}, {split}", str(error))
                continue
            except FileNotFoundError as error:
                missing = str(error)
                continue
            except DamagedFile as error:
                opened += 1
                report.add_damage(error)
                continue
            opened += 1
            _check_split(entry, split, samples, seen, report)
        if opened == 0:
            report.add("missing file", root, name, missing)
    return report


def recognise(root: Path) -> list[str]:
    """The datasets that a folder holds, by name; a folder may hold several.

    Raises FileNotFoundError for a folder that is not there, ValueError where none is recognised.
    """
    best = recognised(root)
    if best[0].recognises is not None:
        return [best[0].name]  # an export has one layout, though its files may look like another's too
    return [name for name, entry in DATASETS.items() if entry.spec.recognises is None and entry.spec.is_in(root)]


def _check_split(entry: Entry, split: str, samples: Any, seen: Seen, report: Report) -> None:
    """Every sample of a split; `seen` remembers which split has a photograph's pixels, to notice one that is in two."""
    layout = entry.spec.name
    if len(samples) == 0:
        report.add("missing file", report.path, f"{layout}, {split}", "must hold an image, got none")
    for (name, _), count in Counter((samples.names[i], samples.paths(i)[0]) for i in range(len(samples))).items():
        if count > 1:
            report.add(
                "duplicate", report.path, f"{layout}, {split}, {name}", f"must be listed once, got {count} times"
            )
    whole = 0
    for index in tqdm(range(len(samples)), desc=f"{layout} {split}", unit="image", leave=False, disable=None):
        photo = samples.paths(index)[0]
        if (turned := orientation(photo)) != 1:
            what = f"asks to be turned (EXIF orientation {turned}); the masks must lie on its pixels as they are stored"
            report.add("turned photograph", photo, "EXIF orientation", what)
        sample = _check_sample(samples, index, report)
        if sample is None:
            continue
        whole += 1
        pixels = hashlib.blake2b(sample.image.numpy().tobytes(), digest_size=16).digest()
        home, name = seen.setdefault(pixels, (split, samples.names[index]))
        if home != split:
            what = f"must be in one split, got {home}{f', as {name},' * (name != samples.names[index])} and {split}"
            report.add("duplicate", photo, "split", what)
    report.splits[layout, split] = [len(samples), whole]
    if entry.check_samples is not None:
        entry.check_samples(samples, report)


def _check_sample(samples: Any, index: int, report: Report) -> Sample | None:
    """Read a sample; where that fails, also look at each of its files alone. None where something is wrong."""
    try:
        sample = samples[index]
    except DamagedFile as error:
        report.add_damage(error)
        for file in samples.paths(index):
            try:
                _read_alone(file)
            except DamagedFile as damage:
                report.add_damage(damage)
        return None
    if (sample.label_map == VOID).all() and "label maps" not in getattr(samples, "lacks", ()):
        report.add("unknown label", samples.paths(index)[-1], "pixels", "must label a pixel, got void alone")
        return None
    return sample


def _read_alone(file: Path) -> None:
    if os.path.isdir(file) or file.suffix.lower() not in (".mat", *SUFFIXES):
        return  # texts are read as a whole set
    refuse_missing(file)
    if file.suffix == ".mat":
        read_mat(file, {"cls": "GTcls", "inst": "GTinst"}.get(file.parent.name, "LabelMap"))
    else:
        open_picture(file)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m data_scripts.validate", description=__doc__.split(":")[0])
    top.add_argument("path", type=Path, help="the folder that holds the dataset")
    top.add_argument("--layout", action="append", choices=tuple(DATASETS), help="instead of recognising it")
    top.add_argument("--json", type=Path, help="write the report to this file")
    return top


def main(arguments: list[str] | None = None) -> int:
    """0 where nothing is wrong, 1 where something is, 2 for a folder that is no dataset."""
    options = parsed(parser(), arguments)
    try:
        report = validate(options.path, options.layout)
    except (ValueError, OSError) as error:
        print(f"validate: {error}", file=sys.stderr)
        return 2
    for finding in report.findings:
        print(finding.line())
    print(report.table())
    if options.json:
        try:
            options.json.write_text(json.dumps(report.record(), indent=1), encoding="utf-8")
        except OSError as error:
            print(f"validate: --json must be a file that can be written, got {options.json}: {error}", file=sys.stderr)
            return 2
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(run(main))
