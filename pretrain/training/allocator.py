"""Memory that is freed and soon wanted again, as the feature maps of every batch are."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # M_TRIM_THRESHOLD and so on of glibc's malloc.h


def keep_freed_memory() -> None:
    """Has this process keep freed memory for its next allocations, where its C library is glibc.

    glibc gives large blocks back to the system, which fills them with zeros page by page when they are wanted again:
    a quarter of a training step on a CPU (docs/performance.md).
    """
    _set(_MMAP_MAX, 0)
    _set(_TRIM_THRESHOLD, -1)


def share_freed_memory() -> None:
    """Has the threads of this process, which begin later, take memory from one place, where its C library is glibc.

    Otherwise what one of them frees is kept for it alone: 80 MiB in `predict` on a recording of 3 h.
    """
    _set(_ARENA_MAX, 1)


def _set(option: int, value: int) -> None:
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(option, value)
