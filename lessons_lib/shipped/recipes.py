"""Makes the shipped checkpoints and results/semantic.json: `make checkpoints`.

Every model is trained three times, from seeds 0, 1 and 2; seed 0 is shipped. What is finished lies in the folder
`--work` and is not made again, so the command can be stopped and given again.
"""

import argparse
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from lessons_lib.atomic import whole_file, write_whole
from lessons_lib.data.cached import Memory
from lessons_lib.data.sample import Sample
from lessons_lib.data.scenes.config import CLASSES, PRESETS, SceneConfig
from lessons_lib.data.scenes.mixed import MixedScenes, mixed_configs
from lessons_lib.models.zoo import build_model
from lessons_lib.shipped import FOLDER
from lessons_lib.shipped.scores import UNSEEN_SEED, scene_scores
from lessons_lib.shipped.trunk import PATCH, accuracy, train_trunk
from lessons_lib.terminal import run as run_command
from lessons_lib.training.loop import fit

SEEDS = (0, 1, 2)
SIZE, JUDGED_AT, TRAIN_SEED = 128, 96, 0
PICTURES = 500
"""Unseen scenes that a model is scored on, of each kind that it has learned."""


@dataclass(frozen=True)
class Recipe:
    """How one model is trained: on scenes of which presets in turn, for how many steps, of how many pictures each.

    `rate` is the highest learning rate of AdamW's one cycle; `scenes` is how many are drawn, once.
    """

    kinds: tuple[str, ...] = ("islands",)
    steps: int = 3000
    batch: int = 8
    rate: float = 5e-3
    scenes: int = 6000


RECIPES = {
    **{name: Recipe() for name in ("fcn8s", "fcn16s", "fcn32s", "unet")},
    "hypercolumns": Recipe(steps=1500),
    "deconvnet": Recipe(kinds=("easy", "islands"), steps=2500),
    **{name: Recipe(kinds=("context",)) for name in ("plain", "dilated")},
}
TRUNK = Recipe(kinds=("easy", "islands", "context"), steps=3000, batch=64, rate=3e-3)


def make_trunk(work: Path) -> dict[str, torch.Tensor]:
    """The weights of the classification trunk: from the folder, or trained now and shipped."""
    file = work / "trunk.safetensors"
    if not file.exists():
        start = time.perf_counter()
        patches, classes = _memory(TRUNK).patches(PATCH, seed=0)
        model = train_trunk(patches, classes, len(CLASSES), TRUNK.steps, seed=0, batch=TRUNK.batch, rate=TRUNK.rate)
        unseen = Memory(_scenes(TRUNK, 600, UNSEEN_SEED))
        notes = _notes("trunk", TRUNK, seed=0, seconds=time.perf_counter() - start, model=model.backbone)
        notes |= {"patch": PATCH, "patches": len(patches), "accuracy": accuracy(model, *unseen.patches(PATCH, seed=1))}
        _write(file, model.backbone, notes)
    _ship("trunk", file)
    return load_file(FOLDER / "trunk.safetensors")


def make_model(name: str, seed: int, trunk: dict[str, torch.Tensor], memory: Memory, work: Path) -> None:
    """Trains one model from one seed, scores it, and keeps both in the folder; nothing if that was done before."""
    file = work / f"{name}_{seed}.safetensors"
    if file.exists():
        return
    recipe = RECIPES[name]
    torch.manual_seed(seed)
    model = build_model(name, len(CLASSES))
    if hasattr(model, "backbone"):
        model.backbone.load_state_dict(trunk)
    optimizer = torch.optim.AdamW(model.parameters(), recipe.rate, weight_decay=1e-4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.steps, pct_start=0.2)
    start, times = time.perf_counter(), []
    records = fit(model, memory.batches(recipe.batch, recipe.steps, seed), optimizer, recipe.steps)
    before = time.process_time()
    last = 0.0
    for record in tqdm(records, total=recipe.steps, desc=f"{name} {seed}", mininterval=10):
        cycle.step()
        times.append(time.process_time() - before)
        before, last = time.process_time(), record.loss
    notes = _notes(name, recipe, seed, time.perf_counter() - start, model)
    notes |= {"step_cpu_seconds": round(statistics.median(times), 4), "last_loss": round(last, 4)}
    notes["scores"] = {kind: _numbers(scene_scores(model, judged_config(kind), PICTURES)) for kind in recipe.kinds}
    _write(file, model, notes)


def judged_config(kind: str) -> SceneConfig:
    """The scenes of a kind on which models are judged: without void, so that every boundary counts."""
    return replace(PRESETS[kind], size=JUDGED_AT, void_border=False)


def collect(work: Path) -> dict[str, Any]:
    """The table of all that is finished in the folder: for each model its scores, mean and spread over the seeds."""
    table = {}
    for name in RECIPES:
        runs = [json.loads(path.read_text("utf-8")) for path in sorted(work.glob(f"{name}_[0-9].json"))]
        if runs:
            first = {key: runs[0][key] for key in ("parameters", "steps", "batch", "size", "device", "versions")}
            scores = {kind: _spread([run["scores"][kind] for run in runs]) for kind in runs[0]["scores"]}
            times = [run["step_cpu_seconds"] for run in runs]
            table[name] = {**first, "seeds": [run["seed"] for run in runs], "step_cpu_seconds": times, "scores": scores}
    return {"judged_at": JUDGED_AT, "pictures": PICTURES, "models": table}


def _numbers(scores: dict[str, float]) -> dict[str, float]:
    """Without the scores of nothing, which JSON cannot write: scenes of birds have no thin object to find."""
    return {name: value for name, value in scores.items() if not math.isnan(value)}


def _spread(runs: Sequence[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """For each score its mean, its spread (largest less smallest), and the values."""
    columns = {name: [run[name] for run in runs] for name in runs[0]}
    return {
        name: {"mean": statistics.mean(values), "spread": max(values) - min(values), "values": values}
        for name, values in columns.items()
    }


def _memory(recipe: Recipe) -> Memory:
    return Memory(_scenes(recipe, recipe.scenes, TRAIN_SEED))


def _scenes(recipe: Recipe, count: int, seed: int) -> Iterator[Sample]:
    """The recipe's scenes, drawn a few at a time: with their masks they would not fit into memory."""
    scenes = MixedScenes(mixed_configs(SIZE, recipe.kinds), count, seed)
    for start in range(0, count, 100):
        yield from scenes.__getitems__(list(range(start, min(start + 100, count))))


def _notes(name: str, recipe: Recipe, seed: int, seconds: float, model: nn.Module) -> dict[str, Any]:
    """What a JSON says of every checkpoint."""
    return {
        "name": name, "classes": list(CLASSES), "parameters": sum(p.numel() for p in model.parameters()),
        "steps": recipe.steps, "batch": recipe.batch, "rate": recipe.rate, "seed": seed, "size": SIZE,
        "data": f"{recipe.scenes} scenes, presets {', '.join(recipe.kinds)}, seed {TRAIN_SEED}",
        "device": f"CPU, {torch.get_num_threads()} thread", "seconds": round(seconds),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }  # fmt: skip


def _write(file: Path, model: nn.Module, notes: dict[str, Any]) -> None:
    """Weights in float16 and their JSON; the weights come last, so a file of weights means that all is there."""
    write_whole(file.with_suffix(".json"), json.dumps(notes, indent=2, ensure_ascii=False) + "\n")
    with whole_file(file) as part:
        save_file({key: value.half().contiguous() for key, value in model.state_dict().items()}, part)


def _ship(name: str, file: Path) -> None:
    for suffix in (".json", ".safetensors"):
        with whole_file(FOLDER / f"{name}{suffix}") as part:
            part.write_bytes(file.with_suffix(suffix).read_bytes())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lessons_lib.shipped.recipes", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/checkpoints"), help="where finished models are kept")
    parser.add_argument("--results", type=Path, default=Path("results/semantic.json"))
    parser.add_argument("--only", nargs="*", choices=tuple(RECIPES), default=list(RECIPES), metavar="MODEL")
    parser.add_argument("--seeds", nargs="*", type=int, default=list(SEEDS))
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    trunk, memories = make_trunk(options.work), {}
    for seed in options.seeds:
        for name in options.only:
            kinds = RECIPES[name].kinds
            if kinds not in memories:
                memories = {kinds: _memory(RECIPES[name])}  # one at a time
            make_model(name, seed, trunk, memories[kinds], options.work)
            if seed == SEEDS[0]:
                _ship(name, options.work / f"{name}_{seed}.safetensors")
            write_whole(options.results, json.dumps(collect(options.work), indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
