"""Memory given back to the system once a large table has been read."""

import contextlib
import ctypes
import sys


def release_memory() -> None:
    """Gives back what is free but kept for later: Arrow keeps what it decoded into, glibc what lies below live arrays.

    After the opening of a million clips that is as much again as the clips themselves take.
    """
    if "pyarrow" in sys.modules:
        import pyarrow as pa

        pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
