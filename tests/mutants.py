"""Mutation testing: `python -m tests.mutants FILE...` changes one thing at a time, and asks whether any test notices.

Each mutant is one small change of a source file: another operator, comparison, constant, reduction, a statement left
out, a condition turned round, a returned value lost. It lives in a copy of the tree, never in the tree itself, and the
tests that mirror its file run on it until one fails or the time is over. A mutant that no test notices *survived*: a
hole in the tests, or a change that changes nothing. The latter are listed in `tests/mutants_equivalent.json`, each with
a reason. The same arguments give the same mutants.
"""

import argparse
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.mutations import Mutant, mutants_of

ROOT = Path(__file__).parents[1]
EQUIVALENT = ROOT / "tests" / "mutants_equivalent.json"
HOOK = "--jaxtyping-packages=lessons_lib,beartype.beartype"
COPIED = ("lessons_lib", "tests", "data_scripts", "benchmarks", "pyproject.toml", "results")
EXTRA = {
    "lessons_lib/ops": ("tests/ops/test_half_precision.py", "tests/ops/test_border_values.py"),
    "lessons_lib/ops/roi": ("tests/ops/roi", "tests/ops/test_levels.py"),
    "lessons_lib/ops/receptive_field": ("tests/ops/receptive_field",),
    "lessons_lib/ops/subpixel.py": ("tests/ops/test_subpixel_transposed.py",),
    "lessons_lib/ops/boxes.py": ("tests/metrics/test_detection.py",),
    "lessons_lib/ops/coverage.py": ("tests/ops/test_assignment.py", "tests/ops/test_coverage_loss.py"),
    "lessons_lib/metrics/detection_matching.py": ("tests/metrics/test_detection.py",),
    "lessons_lib/metrics/detection_pairs.py": ("tests/metrics/test_detection.py",),
    "lessons_lib/models": ("tests/models/test_contract.py", "tests/models/test_published.py"),
    "lessons_lib/models/backbones": (
        "tests/models/test_backbones.py",
        "tests/models/test_vgg.py",
        "tests/models/test_resnet.py",
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


def command(test: str) -> list[str]:
    """What runs a test file; only error messages are tested without the hook that checks shapes."""
    flags = [] if test.startswith("tests/errors") else [HOOK]
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "--no-header", *flags]


def surroundings(tree: Path) -> dict[str, str]:
    """The environment of the tests of a copy."""
    return {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def failing(tree: Path, test: str) -> list[str]:
    """The tests of a file that fail as it is, for example on another version: they can kill nothing."""
    done = subprocess.run(
        [*command(test), "-rfE", "--tb=no", test], cwd=tree, env=surroundings(tree), capture_output=True, text=True
    )
    if done.returncode in (0, 5):
        return []
    lines = [line.split(" - ")[0].split(maxsplit=1) for line in done.stdout.splitlines()]
    return [line[1] for line in lines if line and line[0] in ("FAILED", "ERROR") and len(line) > 1] or [test]


def judge(tree: Path, mutant: Mutant, seconds: float, broken: list[str]) -> str:
    """killed, survived or timeout: runs the mutant's tests in `tree`, less the `broken`, and puts the file back."""
    target, tests = tree / mutant.file, tests_of(mutant.file)
    original = target.read_text("utf-8")
    target.write_text(mutant.source(original), "utf-8")
    errors = [test for test in tests if test.startswith("tests/errors")]
    without = [flag for one in broken for flag in ("--deselect", one)]
    end = time.monotonic() + seconds
    try:
        for some in (errors, [test for test in tests if test not in errors]):
            if not some:
                continue
            left = max(1.0, end - time.monotonic())
            words = [*command(some[0]), "-x", *without, *some]
            done = subprocess.run(words, cwd=tree, env=surroundings(tree), capture_output=True, timeout=left)
            if done.returncode not in (0, 5):
                return "killed"
        return "survived"
    except subprocess.TimeoutExpired:
        return "timeout"
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


def run(mutants: list[Mutant], jobs: int, seconds: float) -> list[tuple[Mutant, str]]:
    """The verdict on every mutant, `jobs` at a time, each worker in a copy of its own."""
    files = sorted({test for mutant in mutants for test in tests_of(mutant.file)})
    broken: list[str] = []
    verdicts: list[tuple[Mutant, str]] = []

    def first_look(tree: Path, test: str) -> None:
        broken.extend(failing(tree, test))

    def verdict_on(tree: Path, mutant: Mutant) -> None:
        verdict = judge(tree, mutant, seconds, broken)
        verdicts.append((mutant, verdict))
        print(f"{len(verdicts)}/{len(mutants)} {verdict:8} {mutant.name}", flush=True)

    with tempfile.TemporaryDirectory() as base:
        trees = []
        for number in range(jobs):
            Path(base, str(number)).mkdir()
            trees.append(copy_of_the_tree(Path(base, str(number))))
        in_parallel(trees, first_look, files)
        for test in sorted(broken):
            print("fails without any mutant, and is left out:", test, flush=True)
        in_parallel(trees, verdict_on, mutants)
    return verdicts


def in_parallel(trees: list[Path], task: Callable[[Path, Any], None], items: Sequence[Any]) -> None:
    """`task(tree, item)` for every item, each tree working at one at a time."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)

    def work(tree: Path) -> None:
        while True:
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            task(tree, item)

    workers = [threading.Thread(target=work, args=(tree,)) for tree in trees]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


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
    parser.add_argument("--seconds", type=float, default=120, help="for the tests of one mutant; then it is a timeout")
    parser.add_argument("--json", type=Path, help="where the verdicts are written")
    parser.add_argument("--equivalent", type=Path, default=EQUIVALENT, help="mutants known to change nothing")
    return parser.parse_args()


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
        chosen = random.Random(options.seed).sample(chosen, options.count)
    verdicts = sorted(run(chosen, options.jobs, options.seconds), key=lambda pair: (pair[0].file, pair[0].number))
    counts = dict(Counter(verdict for _, verdict in verdicts))
    survivors = [mutant.name for mutant, verdict in verdicts if verdict == "survived"]
    if options.json:
        record = {"seed": options.seed, "counts": counts, "survivors": survivors}
        record["verdicts"] = {mutant.name: verdict for mutant, verdict in verdicts}
        options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"\n{len(every)} mutants in {len(files)} files, tried {len(verdicts)}: {counts}")
    for name in survivors:
        print("survived", name)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
