"""Memory that is freed and soon wanted again, as the feature maps of every training step are."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of glibc's malloc.h


def keep_freed_memory() -> None:
    """Has this process keep freed memory for its next allocations, where its C library is glibc.

    glibc gives large blocks back to the system, which fills them with zeros page by page when they are wanted again:
    a quarter of a training step on a CPU (docs/performance.md).
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)
