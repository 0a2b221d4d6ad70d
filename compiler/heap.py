"""Memory that is freed in one step and asked for again in the next need not go back to the system in between."""

from __future__ import annotations

import ctypes

# parameters of glibc's mallopt, from its malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
PADDING = 64 << 20


def keep() -> bool:
    """Let this process keep freed memory until it ends; False where its allocator is not glibc's.

    glibc gives large blocks back at once, and the system clears every page of them anew: with large vocabularies a
    quarter of a step on a CPU. The process never gets smaller afterwards.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # no such library to look into, or no such function in it
        return False
    never = -1
    return all(mallopt(*it) for it in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, never), (M_TOP_PAD, PADDING)))
