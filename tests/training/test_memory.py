"""Out of memory: torch's real errors are recognised, and the first half that fits is found."""

import pytest
import torch

from lessons_lib.training.memory import is_out_of_memory, largest_that_fits


def test_recognises_what_the_allocator_of_this_machine_says():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] data. DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_tells_memory_from_other_errors(error, expected):
    assert is_out_of_memory(error) is expected


def room_for(pictures: int):
    tried = []

    def attempt(batch: int) -> None:
        tried.append(batch)
        if batch > pictures:
            torch.empty(10**15)

    return attempt, tried


@pytest.mark.parametrize(
    ("room", "batch", "fits", "expected"),
    [(3, 16, 2, [8, 4, 2]), (100, 16, 8, [8]), (1, 5, 1, [2, 1]), (0, 5, None, [2, 1]), (0, 1, None, [])],
)
def test_halves_until_it_fits(room, batch, fits, expected):
    attempt, tried = room_for(room)
    assert largest_that_fits(attempt, batch) == fits
    assert tried == expected


def test_other_errors_pass_through():
    def attempt(batch: int) -> None:
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        largest_that_fits(attempt, 4)
