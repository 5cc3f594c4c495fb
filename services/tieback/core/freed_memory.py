"""Gives memory that was freed back to the operating system.

The C library keeps what a thread freed for that thread: after a large picture on each of two, a process
holds the memory of both, though neither needs it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable


def _trim() -> Callable[[int], int] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library than glibc
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim


_TRIM = _trim()


def return_freed_memory() -> None:
    """Takes some milliseconds; does nothing where the C library cannot."""
    if _TRIM is not None:
        _TRIM(0)
