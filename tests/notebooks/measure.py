"""A command watched while it runs: processor seconds and peak memory of the kernel that it starts."""

import contextlib
import subprocess
import time
from dataclasses import dataclass

import psutil

INTERVAL = 0.1  # seconds between looks


@dataclass(frozen=True)
class Measured:
    """What a command printed and took. seconds: processor time below it; peak: bytes of its kernels, summed."""

    status: int
    output: str
    seconds: float
    peak: int


def measured(command: list[str], timeout: float, **options) -> Measured:
    """Runs the command to its end and measures the processes that it starts (not the command's own process).

    Processor seconds, not wall time: a busy machine must not fail a lesson. On one thread of an idle machine the two
    are the same. A process that outlives `timeout` seconds is ended, with everything below it; its status is then 124.
    """
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    seconds: dict[int, float] = {}
    peak, end = 0, time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < end:
        below = _below(process)
        usage = [(child.pid, *_usage(child)) for child in below]
        seconds.update({pid: spent for pid, spent, _ in usage})
        peak = max(peak, sum(memory for _, _, memory in usage))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=INTERVAL)  # also empties the pipe
    late = process.poll() is None
    for child in [*_below(process), process] if late else []:
        child.kill()
    output = process.communicate()[0]
    return Measured(124 if late else process.returncode, output, sum(seconds.values()), peak)


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _usage(process: psutil.Process) -> tuple[float, int]:
    """Processor seconds and resident bytes; zeros for a process that has just ended."""
    try:
        spent = process.cpu_times()
        return spent.user + spent.system, process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0.0, 0
