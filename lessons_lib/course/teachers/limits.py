"""How much time and memory a submission may take, and the watch that ends it when it takes more."""

import asyncio
import time
from dataclasses import dataclass

import psutil

WATCH_SECONDS = 0.1
GIGABYTE = 10**9


@dataclass(frozen=True)
class Limits:
    """What one submission may take.

    cell_seconds: of one cell, which is then interrupted; the rest of the notebook still runs.
    seconds: of the whole notebook. memory: bytes that the kernel and all processes that it started hold together.
    After either the notebook is ended.
    """

    cell_seconds: float | int = 60
    seconds: float | int = 600
    memory: float | int = 4 * GIGABYTE

    def __post_init__(self) -> None:
        for name, value in (("cell_seconds", self.cell_seconds), ("seconds", self.seconds), ("memory", self.memory)):
            if not value > 0:
                raise ValueError(f"{name} must be > 0, got {value}")


class Watch:
    """Watches a process and all that it starts, and kills them together when they exceed the limits.

    Memory is looked at ten times a second, so a burst of allocations may exceed its limit for a moment. A process
    that leaves its family before the watch has seen it escapes.
    """

    def __init__(self, pid: int, limits: Limits) -> None:
        self.exceeded = ""
        self._limits = limits
        self._deadline = time.monotonic() + limits.seconds
        self._family = {psutil.Process(pid)}
        self._task = asyncio.create_task(self._run())

    def end(self) -> None:
        """Stop watching, and kill whatever is left of the family."""
        self._task.cancel()
        self._look()
        self._kill()

    async def _run(self) -> None:
        while not self.exceeded:
            held = self._look()
            if held > self._limits.memory:
                self.exceeded = f"more than {self._limits.memory / GIGABYTE:g} GB of memory"
            elif time.monotonic() > self._deadline:
                self.exceeded = f"more than {self._limits.seconds / 60:g} minutes"
            else:
                await asyncio.sleep(WATCH_SECONDS)
        self._kill()

    def _look(self) -> int:
        """Find new members of the family; returns the bytes that all hold."""
        held = 0
        for process in list(self._family):
            try:
                self._family.update(process.children(recursive=True))
            except psutil.Error:
                continue
        for process in self._family:
            try:
                held += process.memory_info().rss
            except psutil.Error:
                continue
        return held

    def _kill(self) -> None:
        for process in self._family:
            try:
                process.kill()
            except psutil.Error:
                continue
