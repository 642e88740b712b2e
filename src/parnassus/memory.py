"""Freed memory kept in the process, which training of convolutional nets is faster with."""

import ctypes
import platform

# Numbers of the parameters in glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT = 1 << 30  # bytes; blocks below this come from the heap, and as much may lie free at its top
OLD_LIMIT = 32 << 20  # what glibc before 2.35 takes at most for the first of them
GROWN = 64 << 20  # bytes that the heap grows by at least


def keep_memory() -> bool:
    """Whether freed memory now stays with the process instead of going back to the system after each step.

    Every step of a training frees its activations and asks for the same again; without this, large ones are handed to
    the system and paged in anew. It lasts as long as the process does and holds on to at most what it used at its peak.
    It works on glibc (most Linux systems); elsewhere nothing happens, and the answer is False.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mapped = mallopt(M_MMAP_THRESHOLD, KEPT) or mallopt(M_MMAP_THRESHOLD, OLD_LIMIT)
    return bool(mapped and mallopt(M_TRIM_THRESHOLD, KEPT) and mallopt(M_TOP_PAD, GROWN))
