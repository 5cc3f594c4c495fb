"""Gives memory back to the system that is free and would be kept.

Reading a table takes some hundred megabytes for moments. The allocators of Arrow and of the C library keep
what was freed for what may come, which in a server that has just started is nothing of that size.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pyarrow as pa


def give_back() -> None:
    """Gives back what is free. Where the C library has no call for it, it keeps its own part."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
