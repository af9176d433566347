"""The options of the verb scoreboard; what it does is in make.py, which imports more than a parser needs."""

import argparse
from pathlib import Path


def add_scoreboard(parser: argparse.ArgumentParser) -> None:
    """The options of scoreboard."""
    option = parser.add_argument
    option("--data", default="scenes", metavar="NAME", help="scenes, coco, nuclei, … (default: scenes)")
    option("--root", metavar="FOLDER", help="the folder that holds the dataset; scenes need none")
    option("--budget", type=float, metavar="SECONDS", help="of training a run: processor's, or a GPU's (default: 300)")
    option("--only", nargs="+", metavar="SYSTEM", help="only these rows (default: all)")
    option("--seeds", nargs="+", type=int, metavar="N", help="(default: 0 1 2); of nuclei and the like a split each")
    option("--backbone", help="of all rows but the one with a larger one (default: tiny)")
    option("--size", type=int, help="height and width of the images in a step (default: 96)")
    option(
        "--count",
        type=int,
        metavar="IMAGES",
        help="learn from the first so many, if there are more (default: 2000)",
    )
    option("--unseen", type=int, metavar="IMAGES", help="on how many the models are judged, at most (default: 200)")
    option("--device", default="auto", help="auto (cuda, else cpu), cpu, cuda or mps (default: auto)")
    option("--work", type=Path, metavar="FOLDER", help="where runs are kept (default: build/scoreboard/DATA)")
    option("--out", type=Path, metavar="FILE", help="the table (default: results/scoreboard.json, or _DATA.json)")
    option("--verify", action="store_true", help="make finished runs once more, and compare them bit by bit")
