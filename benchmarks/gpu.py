"""Everything that only a GPU can show, in one command and 8 minutes: `make gpu`, or `python -m benchmarks.gpu`.

It runs the GPU tests, times the operators and training steps against torchvision, trains a semantic model and
Mask R-CNN on scenes of 256 pixels that the GPU draws, and goes on with the scoreboard on ResNet-50, a minute a system,
for as long as time is left: given again, it makes the next rows. Each part is a process of its own with a limit of
time; what it measured is in results/gpu.json as soon as it ends, and the next part goes on whatever happened. `--small`
runs the same on a CPU, to prove that it can.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LIMITS = {"tests": 110, "operators": 60, "steps": 110, "semantic": 110, "instances": 110, "scoreboard": 230}
"""Seconds that each part may take."""

TOTAL = 475
"""Seconds that all parts may take: later ones get what is left."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts one after the other, prints a line for each, and returns 0 where all went well, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.split(":")[0])
    parser.add_argument("--out", type=Path, default=Path("results/gpu.json"))
    parser.add_argument("--small", action="store_true", help="on a CPU, with tiny sizes")
    parser.add_argument("--parts", nargs="*", choices=tuple(LIMITS), default=list(LIMITS))
    parser.add_argument("--part", choices=tuple(LIMITS), help="run this one here, and print what it found")
    parser.add_argument("--limit", type=float, default=float(TOTAL), help="seconds that --part has")
    options = parser.parse_args(arguments)
    if options.part:
        print("FOUND " + json.dumps(run_here(options.part, options.small, options.limit)), flush=True)
        return 0
    slack = 4 if options.small else 1  # a CPU may be busy, and nobody waits for it
    begin, report = time.monotonic(), {"machine": machine(options.small), "parts": {}}
    for part in options.parts:
        left = TOTAL * slack - (time.monotonic() - begin)
        report["parts"][part] = found = run_apart(part, options.small, min(LIMITS[part] * slack, left))
        report["seconds"] = round(time.monotonic() - begin, 1)
        write(options.out, report)
        print(f"{'✓' if found['ok'] else '✗'} {part}: {found['seconds']} s{found.get('gist', '')}", flush=True)
        if not found["ok"]:
            print(found["error"][-3000:], flush=True)
    print(f"all of it in {report['seconds']} s: {options.out}")
    return 0 if all(found["ok"] for found in report["parts"].values()) else 1


def write(path: Path, report: dict[str, Any]) -> None:
    """The report so far; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(path)


def machine(small: bool) -> dict[str, Any]:
    """What the numbers were measured on."""
    import torch
    import torchvision

    cuda = torch.cuda.is_available() and not small
    return {
        "device": torch.cuda.get_device_name() if cuda else f"CPU, {platform.machine()}, one thread",
        "small": small,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "cuda": torch.version.cuda if cuda else None,
        "commit": commit(),
    }


def commit() -> str | None:
    """The commit that is checked out, where there is git."""
    try:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def run_apart(part: str, small: bool, limit: float) -> dict[str, Any]:
    """One part in a process of its own: {"ok", "seconds", and what it found, or "error"}."""
    if limit < 5:
        return {"ok": False, "seconds": 0, "error": "no time was left"}
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", part, "--limit", str(limit)]
    command += ["--small"] if small else []
    env = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1" if small else "4"}
    start = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=env)
        output, status = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as cut:
        pieces = [piece.decode() if isinstance(piece, bytes) else piece or "" for piece in (cut.stdout, cut.stderr)]
        output, status = "".join(pieces), None
    found: dict[str, Any] = {"ok": status == 0, "seconds": round(time.monotonic() - start, 1)}
    for line in output.splitlines():
        if line.startswith(("FOUND ", "SOFAR ")):
            found |= json.loads(line[6:])
    if not found["ok"]:
        why = f"stopped after {limit:.0f} s" if status is None else f"ended with status {status}"
        found["error"] = f"{why}\n{output[-6000:]}"
    return found


def run_here(part: str, small: bool, limit: float) -> dict[str, Any]:
    """One part in this process; what is found on the way is printed as it comes, in case the time runs out."""
    if part == "tests":
        return run_tests(small)
    if part == "scoreboard":
        return run_scoreboard(small, limit)
    import torch

    from benchmarks import gpu_parts

    device = "cpu" if small or not torch.cuda.is_available() else "cuda"
    if device == "cpu":
        torch.set_num_threads(1)
    return {"operators": gpu_parts.operators, "steps": gpu_parts.steps, "semantic": gpu_parts.semantic,
            "instances": gpu_parts.instances}[part](device, small)  # fmt: skip


def run_tests(small: bool) -> dict[str, Any]:
    """The tests of tests/gpu: how many passed, and what pytest printed of those that failed."""
    env = os.environ | ({"LESSONS_GPU": "cpu"} if small else {})
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "default",
        "--tb=short",
        "tests/gpu",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    print(done.stdout[-12000:], done.stderr[-2000:], flush=True)
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "nothing was printed"
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    print("SOFAR " + json.dumps({"result": last, "failed": failed, "gist": f": {last}"}), flush=True)
    if done.returncode:
        sys.exit(done.returncode)
    return {}


def run_scoreboard(small: bool, limit: float) -> dict[str, Any]:
    """Rows of the scoreboard, until a few seconds before the limit; what is unfinished then is gone on with next time.

    Its table is results/scoreboard_gpu.json.
    """
    from lessons_lib.__main__ import main as command

    home = Path(tempfile.mkdtemp()) if small else Path("build/scoreboard/gpu")
    out = home / "small.json" if small else Path("results/scoreboard_gpu.json")
    words = ["scoreboard", "--seeds", "0", "--work", str(home), "--out", str(out)]
    if small:
        words += ["--budget", "1", "--count", "8", "--unseen", "4", "--size", "64", "--only", "fcis", "faster_rcnn_fpn"]
    else:
        words += ["--backbone", "resnet50", "--size", "256", "--budget", "60", "--device", "cuda"]
    end = threading.Timer(max(1.0, limit - 20), os.kill, (os.getpid(), signal.SIGTERM))
    end.daemon = True
    end.start()
    status = command(words)
    end.cancel()
    if status not in (0, 128 + signal.SIGTERM):
        sys.exit(status)
    rows = json.loads(out.read_text("utf-8"))["rows"] if out.exists() else {}
    found = {name: round(row["mean"]["box_ap"], 4) for name, row in rows.items()}
    return {"box_ap": found, "gist": f": {len(found)} rows"}


if __name__ == "__main__":
    sys.exit(main())
