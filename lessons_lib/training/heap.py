"""Memory that a step has freed is kept for the next step, where the C library would give it back each time."""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # mallopt's names for its parameters, in glibc's malloc.h
KEPT, LARGEST = 2**30, 2**25  # bytes: free memory that is kept, and the largest block that may lie in it


def keep_freed_memory() -> bool:
    """Tells glibc's allocator to keep up to 1 GiB of freed memory; False elsewhere, where nothing changes.

    A training step on a CPU frees some hundred megabytes and asks for them again at once. What was given back to the
    operating system comes anew page by page, each an interrupt and filled with zeros: some 15 % of a small detector's
    step. Blocks above 32 MiB, the most that glibc allows here, are still given back.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(TRIM_THRESHOLD, KEPT) and mallopt(MMAP_THRESHOLD, LARGEST))
