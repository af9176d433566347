"""Check a dataset on the disk: `python -m data_scripts.validate PATH` lists what is damaged, file by file."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from torch.utils.data import Dataset
from tqdm import tqdm

from data_scripts.check.coco import check_coco
from data_scripts.check.findings import Report
from data_scripts.check.layouts import check_leaves, check_orphans, check_voc_xml
from data_scripts.check.recognise import SIGNS, recognise, splits_of
from lessons_lib.data.files import DamagedFile, open_picture, read_mat, refuse_missing
from lessons_lib.data.open import open_dataset
from lessons_lib.data.sample import VOID


def validate(path: Path | str, layouts: list[str] | None = None) -> Report:
    """Read every sample of every split in a folder, and check what a reader does not need to look at.

    `layouts` are names of `open_dataset`; they are recognised unless given. A folder may hold several.
    Raises FileNotFoundError for a folder that is not there, ValueError for an unknown layout.
    """
    root = Path(path)
    found = recognise(root) if layouts is None else layouts
    report = Report(root)
    for layout in found:
        if layout not in SIGNS:
            raise ValueError(f"layout must be among {', '.join(SIGNS)}, got {layout!r}")
        opened, homes, missing = 0, {}, ""
        for split in splits_of(layout):
            if layout == "coco2017" and (file := root / "annotations" / f"instances_{split}.json").is_file():
                check_coco(file, report)
            try:
                samples = open_dataset(layout, root, split)
            except FileNotFoundError as error:
                missing = str(error)
                continue
            except DamagedFile as error:
                opened += 1
                report.add_damage(error)
                continue
            opened += 1
            _check_split(layout, split, samples, homes, report)
        if opened == 0:
            report.add("missing file", root, layout, missing)
        check_orphans(layout, root, report)
    return report


def _check_split(layout: str, split: str, samples: Dataset, homes: dict[Path, str], report: Report) -> None:
    """Every sample of a split; `homes` remembers which split has a photograph, to notice one that is in two."""
    if len(samples) == 0:
        report.add("missing file", report.path, f"{layout}, {split}", "must hold a picture, got none")
    if without := getattr(samples, "no_label_maps", ""):
        report.add("no label maps", report.path, f"{layout}, {split}", without)
    for (name, _), count in Counter((samples.names[i], samples.paths(i)[0]) for i in range(len(samples))).items():
        if count > 1:
            report.add(
                "duplicate", report.path, f"{layout}, {split}, {name}", f"must be listed once, got {count} times"
            )
    whole = 0
    for index in tqdm(range(len(samples)), desc=f"{layout} {split}", unit="picture", leave=False, disable=None):
        photo = samples.paths(index)[0]
        if homes.setdefault(photo, split) != split:
            what = f"must be in one split, got {homes[photo]} and {split}"
            report.add("duplicate", photo, "split", what)
        whole += _check_sample(samples, index, report)
    report.splits[layout, split] = [len(samples), whole]
    if layout.startswith("voc"):
        check_voc_xml(samples, report)
    if layout == "leaves":
        check_leaves(samples, report)


def _check_sample(samples: Dataset, index: int, report: Report) -> bool:
    """Read a sample; where that fails, also look at each of its files alone. True where nothing is wrong."""
    try:
        sample = samples[index]
    except DamagedFile as error:
        report.add_damage(error)
        for file in samples.paths(index):
            try:
                _read_alone(file)
            except DamagedFile as damage:
                report.add_damage(damage)
        return False
    if (sample.label_map == VOID).all() and not getattr(samples, "no_label_maps", ""):
        report.add("unknown label", samples.paths(index)[-1], "pixels", "must label a pixel, got void alone")
        return False
    return True


def _read_alone(file: Path) -> None:
    refuse_missing(file)
    if file.suffix == ".mat":
        read_mat(file, {"cls": "GTcls", "inst": "GTinst"}.get(file.parent.name, "LabelMap"))
    else:
        open_picture(file)


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 where nothing is wrong, 1 where something is, 2 for a folder that is no dataset."""
    parser = argparse.ArgumentParser(prog="python -m data_scripts.validate", description=__doc__.split(":")[0])
    parser.add_argument("path", type=Path, help="the folder that holds the dataset")
    parser.add_argument("--layout", action="append", choices=tuple(SIGNS), help="instead of recognising it")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    options = parser.parse_args(arguments)
    try:
        report = validate(options.path, options.layout)
        if options.json:
            options.json.write_text(json.dumps(report.record(), indent=1), encoding="utf-8")
    except (ValueError, OSError) as error:
        print(f"validate: {error}", file=sys.stderr)
        return 2
    for finding in report.findings:
        print(finding.line())
    print(report.table())
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
