"""Gives memory back to the system that is free and would be kept.

Reading a table takes some hundred megabytes for moments. The allocators of Arrow and of the C library keep
what was freed for what may come, which in a server that has just started is nothing of that size. Of large
buffers the C library keeps what it cannot give back later: what the threads that read a table freed last.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa

_TRIM, _MAPPED = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
_LARGE = 1 << 20
_LARGEST_KEPT = 32 << 20  # how far glibc itself raises the threshold


def give_back() -> None:
    """Gives back what is free. Where the C library has no call for it, it keeps its own part."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def large_buffers_given_back() -> Iterator[None]:
    """Meanwhile a buffer of a megabyte or more goes back to the system once it is freed.

    Afterwards as glibc does once such buffers were used: they are kept for the next, which is faster. Where
    the C library has no call for it, nothing changes.
    """
    _keep_up_to(_LARGE)
    try:
        yield
    finally:
        _keep_up_to(_LARGEST_KEPT)


def _keep_up_to(size: int) -> None:
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MAPPED, size)
        library.mallopt(_TRIM, 2 * size)
