"""One nucleus after the other, on real images: python -m notebooks.nuclei --root FOLDER.

The folder holds 40 microscope images in the layout of the CVPPP leaves. Three times 30 of them are drawn to learn from
and 10 to be judged on. The recurrent model begins with the shipped weights, learns from random squares of 64 pixels,
and is judged on the tiles of 64 pixels that the 10 images are cut into, beside *one blob per connected piece*: FCN-8s
with the same squares and steps, whose foreground is cut into its connected pieces; and the connected pieces of the true
foreground, which no model of the foreground can beat. Everything goes to results/nuclei_recurrent.json.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lessons_lib.atomic import write_whole
from lessons_lib.data.crop import tiles
from lessons_lib.data.sample import Instances, Sample
from lessons_lib.data.sets.leaves import LeafSamples
from lessons_lib.metrics.leaves import LeafScores
from lessons_lib.models.contract import InstanceModel
from lessons_lib.models.instance.pieces import pieces_of
from lessons_lib.models.zoo import build_model
from lessons_lib.shipped import load_checkpoint
from lessons_lib.shipped.recipes import begin_with_trunk
from lessons_lib.terminal import run as run_command
from lessons_lib.training.augment import window
from lessons_lib.training.hardware import machine_and_versions
from lessons_lib.training.loop import fit
from lessons_lib.training.sampling import Draws, Loader, generator_for, step_draws
from lessons_lib.training.schedule import warm_up_cosine
from notebooks.seeds import RESULTS

RECIPE = {"train": 30, "size": 64, "steps": 300, "batch": 8, "rate": 1e-3, "clip": 5.0, "weight_decay": 1e-4}
SEEDS = (0, 1, 2)
SYSTEMS = ("recurrent", "pieces", "pieces_of_truth")
NUMBERS = ("best_iou", "count_exact", "abs_dic", "dic", "sbd")


def learned(model: nn.Module, samples: Sequence[Sample], seed: int) -> nn.Module:
    """The model after the recipe's steps."""
    r = RECIPE
    optimizer = torch.optim.AdamW(model.parameters(), r["rate"], weight_decay=r["weight_decay"])
    draws = Draws(list(samples), seed, partial(window, size=int(r["size"])))
    loader = Loader(draws, step_draws(0, int(r["steps"]), int(r["batch"])))
    rate = warm_up_cosine(r["rate"], int(r["steps"]))
    for _ in fit(model, loader, optimizer, int(r["steps"]), rate=rate, clip=r["clip"]):
        pass
    return model


def predicted(model: InstanceModel, sample: Sample) -> Instances:
    """What the model finds in a tile."""
    return model.predict([sample.image])[0]


def truth_in_pieces(sample: Sample) -> Instances:
    """The connected pieces of the true foreground."""
    there = sample.instances.known_masks.any(0)
    return pieces_of(there.long(), torch.stack([~there, there]).float())


def scores_of(predict: Callable[[Sample], Instances], test: Sequence[Sample]) -> dict[str, float]:
    """The numbers of a system on the tiles."""
    scores = LeafScores()
    for sample in test:
        scores.update(predict(sample), sample.instances)
    found: dict[str, Any] = scores.compute()
    return {name: found[name] for name in NUMBERS}


def split(samples: Sequence[Sample], names: Sequence[str], seed: int) -> dict[str, Any]:
    """One drawing of training and test images, and what each system scores on the latter."""
    order = torch.randperm(len(samples), generator=generator_for(seed, "nuclei")).tolist()
    chosen, rest = order[: int(RECIPE["train"])], order[int(RECIPE["train"]) :]
    train = [samples[n] for n in chosen]
    test = [tile for n in rest for tile in tiles(samples[n], int(RECIPE["size"]))]
    row: dict[str, Any] = {"seed": seed, "train": [names[n] for n in chosen], "test": [names[n] for n in rest]}
    row["tiles"], row["objects"] = len(test), sum(len(tile.instances) for tile in test)
    row["more_objects_than_steps"] = 0
    for name in SYSTEMS[:2]:
        torch.manual_seed(seed)
        model: Any = build_model(name, 2)
        if name == "recurrent":
            load_checkpoint(name, model)
            row["more_objects_than_steps"] = sum(len(tile.instances) > model.config.steps for tile in test)
        else:
            begin_with_trunk(model)
        begun = time.process_time()
        learned(model, train, seed)
        row[f"{name}_cpu_seconds"] = round(time.process_time() - begun)
        row[name] = scores_of(partial(predicted, model), test)
    row["pieces_of_truth"] = scores_of(truth_in_pieces, test)
    return row


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m notebooks.nuclei", description=__doc__.split(":")[0])
    parser.add_argument("--root", type=Path, required=True, help="the folder of the 40 images, in the CVPPP layout")
    parser.add_argument("--out", type=Path, default=RESULTS / "nuclei_recurrent.json")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    reader = LeafSamples(options.root, "all")
    samples, rows = [reader[n] for n in range(len(reader))], []
    for seed in SEEDS:
        rows.append(split(samples, reader.names, seed))
        means = {
            system: {name: statistics.mean(row[system][name] for row in rows) for name in NUMBERS} for system in SYSTEMS
        }
        table = {**machine_and_versions(), "recipe": RECIPE, "splits": rows, "mean": means}
        write_whole(options.out, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        print(json.dumps({system: rows[-1][system] for system in SYSTEMS}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
