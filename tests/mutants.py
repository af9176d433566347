"""Mutation testing: `python -m tests.mutants FILE...` changes one thing at a time, and asks whether any test notices.

Each mutant is one small change of a source file: another operator, comparison, constant, reduction, a statement left
out, a condition turned round, a returned value lost. It lives in a copy of the tree, never in the tree itself, and the
tests that mirror its file run on it until one fails or the time is over. A mutant that no test notices *survived*: a
hole in the tests, or a change that changes nothing. The latter are listed in `tests/mutants_equivalent.json`, each with
a reason. The same arguments give the same mutants.
"""

import argparse
import hashlib
import json
import multiprocessing
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import Any

from tests.forked_pytest import preload, run_pytest
from tests.mutations import Mutant, mutants_of

ROOT = Path(__file__).parents[1]
EQUIVALENT = ROOT / "tests" / "mutants_equivalent.json"
HOOK = "--jaxtyping-packages=lessons_lib,beartype.beartype"
COPIED = ("lessons_lib", "tests", "data_scripts", "benchmarks", "pyproject.toml", "results")
EXTRA = {
    "lessons_lib/ops": (
        *("tests/ops/test_half_precision.py", "tests/ops/test_border_values.py", "tests/test_defaults.py"),
    ),
    "lessons_lib/ops/roi": ("tests/ops/roi", "tests/ops/test_levels.py", "tests/errors/test_roi_errors.py"),
    "lessons_lib/ops/receptive_field": ("tests/ops/receptive_field", "tests/errors/test_dilation_errors.py"),
    "lessons_lib/ops/subpixel.py": ("tests/ops/test_subpixel_transposed.py",),
    "lessons_lib/ops/boxes.py": ("tests/metrics/test_detection.py",),
    "lessons_lib/ops/coverage.py": ("tests/ops/test_assignment.py", "tests/ops/test_coverage_loss.py"),
    "lessons_lib/metrics/detection_matching.py": ("tests/metrics/test_detection.py",),
    "lessons_lib/metrics/detection_pairs.py": ("tests/metrics/test_detection.py",),
    "lessons_lib/metrics/coco_copies.py": ("tests/metrics/test_coco.py", "tests/errors/test_coco_errors.py"),
    "lessons_lib/metrics": ("tests/test_defaults.py",),
    "lessons_lib/models/instance": (
        *("tests/errors/test_detector_errors.py", "tests/test_defaults.py", "tests/models/instance"),
    ),
    "lessons_lib/models/backbones": (
        *("tests/models/test_backbones.py", "tests/models/test_vgg.py", "tests/models/test_resnet.py"),
        "tests/models/test_widening.py",
    ),
    "lessons_lib/models": (
        *("tests/test_defaults.py", "tests/models/test_fresh_weights.py"),
        *("tests/models/test_contract.py", "tests/models/test_published.py"),
    ),
}
"""Tests beside the mirrored one that speak of a file or of a folder."""
SLOW = ("test_classifiers.py", "region_sets.py")


@cache
def tests_of(file: str) -> list[str]:
    """The tests of one source file: the mirrored ones, what `EXTRA` names, and the error messages that import it."""
    path = Path(file)
    mirrored = Path("tests", *path.parts[1:])
    found = [mirrored.with_name(f"test_{path.stem}.py")]
    for start, names in EXTRA.items():
        if file == start or file.startswith(start + "/"):
            found += map(Path, names)
    module = file.removesuffix(".py").replace("/", ".")
    package = module.rpartition(".")[0]
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        text = test.read_text("utf-8")
        near = test.parent == ROOT / mirrored.parent or test.parent.name == "errors"
        if near and (f"{module} import" in text or f"from {package} import {path.stem}" in text):
            found.append(test.relative_to(ROOT))
    names = []
    for one in found:
        inside = sorted((ROOT / one).glob("test_*.py")) if (ROOT / one).is_dir() else [ROOT / one]
        names += [str(each.relative_to(ROOT)) for each in inside if each.exists() and each.name not in SLOW]
    return list(dict.fromkeys(names))


def words(test: str) -> list[str]:
    """The options that a test file runs with; only error messages are tested without the hook that checks shapes."""
    flags = [] if test.startswith("tests/errors") else [HOOK]
    left_out = ("cacheprovider", "nbval", "playwright", "xdist", "anyio")
    plugins = [word for name in left_out for word in ("-p", f"no:{name}")]
    return ["-q", *plugins, "-W", "ignore", "--no-header", *flags]  # nbval takes longer to import than most tests run


def failing(tree: Path, test: str) -> list[str]:
    """The tests of a file that fail as it is, for example on another version: they can kill nothing."""
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder, "printed")
        if run_pytest(tree, [*words(test), "-rfE", "--tb=no", test], 600, printed) in (0, 5):
            return []
        lines = [line.split(" - ")[0].split(maxsplit=1) for line in printed.read_text("utf-8").splitlines()]
    return [line[1] for line in lines if line and line[0] in ("FAILED", "ERROR") and len(line) > 1] or [test]


def judge(tree: Path, mutant: Mutant, seconds: float, broken: list[str]) -> str:
    """killed, survived or timeout: runs the mutant's tests in `tree`, less the `broken`, and puts the file back."""
    target, tests = tree / mutant.file, tests_of(mutant.file)
    original = target.read_text("utf-8")
    target.write_text(mutant.source(original), "utf-8")
    errors = [test for test in tests if test.startswith("tests/errors")]
    others = [test for test in tests if test not in errors]
    without = [flag for one in broken for flag in ("--deselect", one)]
    try:
        for some in (others[:1], errors, others[1:]):  # the mirrored file notices most
            if not some:
                continue
            done = run_pytest(tree, [*words(some[0]), "-x", *without, *some], seconds)
            if done not in (0, 5):
                return "timeout" if done is None else "killed"
        return "survived"
    finally:
        target.write_text(original, "utf-8")


def copy_of_the_tree(folder: Path) -> Path:
    """What the tests need, without notebooks, data and caches."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "browser"))
        elif source.exists():
            shutil.copy(source, folder / name)
    return folder


def run(mutants: list[Mutant], jobs: int, seconds: float) -> Iterator[tuple[Mutant, str]]:
    """The verdict on every mutant as it comes, `jobs` at a time, each worker in a copy of its own."""
    files = sorted({test for mutant in mutants for test in tests_of(mutant.file)})
    preload()
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as base:
        trees = fork.SimpleQueue()
        for number in range(jobs):
            Path(base, str(number)).mkdir()
            trees.put(copy_of_the_tree(Path(base, str(number))))
        with ProcessPoolExecutor(jobs, fork, take_a_tree, (trees,)) as pool:
            broken = [test for found in pool.map(first_look, files) for test in found]
            for test in sorted(broken):
                print("fails without any mutant, and is left out:", test, flush=True)
            waiting = {pool.submit(verdict_on, mutant, seconds, broken): mutant for mutant in mutants}
            for done in as_completed(waiting):
                yield waiting[done], done.result()


tree_of_this_worker = ROOT
"""The copy that a worker process may change; every worker takes one when it starts."""


def take_a_tree(trees: Any) -> None:
    global tree_of_this_worker
    tree_of_this_worker = trees.get()


def first_look(test: str) -> list[str]:
    return failing(tree_of_this_worker, test)


def verdict_on(mutant: Mutant, seconds: float, broken: list[str]) -> str:
    return judge(tree_of_this_worker, mutant, seconds, broken)


def files_of(names: list[str]) -> list[str]:
    """The files that are named, and those in the folders that are."""
    paths = [path for name in names for path in (sorted((ROOT / name).rglob("*.py")) or [ROOT / name])]
    return [str(path.relative_to(ROOT)) for path in paths if path.name != "__init__.py"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=str(__doc__).split("\n\n")[0])
    parser.add_argument("files", nargs="+", help="source files or folders of lessons_lib")
    parser.add_argument("--count", type=int, default=0, help="how many mutants, drawn at random; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, default=120, help="of processor time for a mutant's tests; then it is a timeout"
    )
    parser.add_argument("--json", type=Path, help="the verdicts; given again, only survivors are tried again")
    parser.add_argument("--equivalent", type=Path, default=EQUIVALENT, help="mutants known to change nothing")
    return parser.parse_args()


def lot(mutant: Mutant, seed: int) -> str:
    """What the lowest are drawn by: it hardly matters to a draw that other mutants come or go."""
    return hashlib.sha256(f"{seed} {mutant.identity}".encode()).hexdigest()


def main() -> int:
    """Prints the survivors; 1 where there are any."""
    options = arguments()
    files = files_of(options.files)
    untested = [file for file in files if not tests_of(file)]
    if untested:
        print("no tests mirror", ", ".join(untested))
    listed = {(entry["file"], entry["mutant"]) for entry in json.loads(options.equivalent.read_text("utf-8"))}
    every = [mutant for file in files for mutant in mutants_of(file, (ROOT / file).read_text("utf-8"))]
    chosen = [mutant for mutant in every if (mutant.file, mutant.key) not in listed and tests_of(mutant.file)]
    if 0 < options.count < len(chosen):
        chosen = sorted(chosen, key=lambda mutant: lot(mutant, options.seed))[: options.count]
    earlier = json.loads(options.json.read_text("utf-8")) if options.json and options.json.exists() else {}
    verdicts = {mutant.identity: earlier.get(mutant.identity, "") for mutant in chosen}
    open_ones = [mutant for mutant in chosen if verdicts[mutant.identity] in ("", "survived")]
    for number, (mutant, verdict) in enumerate(run(open_ones, options.jobs, options.seconds), 1):
        print(f"{number}/{len(open_ones)} {verdict:8} {mutant.name}", flush=True)
        verdicts[mutant.identity] = verdict
        if options.json:
            options.json.write_text(json.dumps(verdicts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    survivors = [mutant.name for mutant in chosen if verdicts[mutant.identity] == "survived"]
    print(f"\n{len(every)} mutants in {len(files)} files, tried {len(chosen)}: {dict(Counter(verdicts.values()))}")
    for name in survivors:
        print("survived", name)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
