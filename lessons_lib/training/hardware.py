"""Where numbers are made: another processor, device or version rounds otherwise, and takes another time."""

import platform
from pathlib import Path
from typing import Any

import torch


def machine_and_versions() -> dict[str, Any]:
    """{"machine", "versions"}, ready for JSON: the processor as it calls itself, its instructions, and what runs."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip() for line in info.read_text("utf-8").splitlines() if "model name" in line
        ]
        processor = models[0] if models else processor
    return {
        "machine": {"processor": processor, "capability": torch.backends.cpu.get_cpu_capability(), "threads": 1},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
