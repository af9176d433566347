"""Out of memory: recognised on every device, and reported with the batch size that fits."""

import gc
from collections.abc import Callable

import torch

SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "bad allocation", "bad_alloc")
"""What torch's allocators say on CUDA and MPS, on a CPU under Linux and Windows, and what C++ says."""


def is_out_of_memory(error: BaseException) -> bool:
    """True for the errors of torch's allocators, and Python's own."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def largest_that_fits(attempt: Callable[[int], None], batch: int) -> int | None:
    """The first of batch / 2, batch / 4, …, 1 with which `attempt(pictures)` has enough memory; None if none has.

    Errors of other kinds pass through.
    """
    while batch > 1:
        batch //= 2
        free_memory()
        try:
            attempt(batch)
            return batch
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
    return None


def free_memory() -> None:
    """Frees memory that is no longer used, on a GPU too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
