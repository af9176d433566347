"""Freed memory is kept: counted in pages that the operating system has to bring anew, whatever else is running."""

import ctypes
import subprocess
import sys

import pytest

from lessons_lib.training import heap

COUNT = """
import ctypes, resource, sys
import torch
from lessons_lib.training.heap import keep_freed_memory
from lessons_lib.training.loop import fit

libc = ctypes.CDLL(None)
libc.mallopt(-1, 2**17), libc.mallopt(-3, 2**17)  # what a process starts with: from 128 KiB on all is given back
if sys.argv[1] == "kept":
    assert keep_freed_memory()

def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.empty(2**22).fill_(1)  # 16 MiB, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "fit":
    from lessons_lib.data.sample import collate
    from lessons_lib.data.scenes import draw_scenes
    from tests.tiny_model import TinyModel

    model = TinyModel()
    list(fit(model, [collate(draw_scenes([0]))], torch.optim.SGD(model.parameters(), 0.1), 1))
faults(20)  # until the heap has grown
print(faults(20))
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc's allocator is told"
)


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", COUNT, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_pages_do_not_come_anew():
    given_back = faults("plain")
    assert given_back >= 20 * 8  # 16 MiB are at least 8 pages, even of the largest size that is common
    assert faults("kept") < given_back / 10


def test_training_keeps_its_memory():
    assert faults("fit") < faults("plain") / 10


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert heap.keep_freed_memory() is False
