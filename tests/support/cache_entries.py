"""Entries of the cache of encodings, and what is on its disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from tieback.encoder.cache import Computed, arrays_of
from tieback.encoder.cache.database import ARRAYS
from tieback.encoder.cache.disk import DiskCache
from tieback_contract.locators import LocatorKind, Locators

SPACE = "bag-of-words"
MEBIBYTE = 1 << 20


def entry(number: int, width: int = 384, tokens: int = 0) -> Computed:
    values = np.random.default_rng(number).standard_normal((tokens + 1, width)).astype(np.float32)
    rows = values[1:] if tokens else None
    spans = Locators.of(LocatorKind.BYTE_SPAN, [(n, n + 1) for n in range(tokens)]) if tokens else None
    return Computed(values[0], rows, spans, (), 3, 0, False)


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def same(one: Computed, other: Computed) -> bool:
    arrays = zip(arrays_of(one), arrays_of(other), strict=True)
    return others_of(one) == others_of(other) and all(
        a is b is None or (a is not None and b is not None and np.array_equal(a, b) and a.dtype == b.dtype)
        for a, b in arrays
    )


def others_of(computed: Computed) -> list[object]:
    fields = zip(computed._fields, computed, strict=True)
    return [
        value.kind if isinstance(value, Locators) else value for name, value in fields if name not in ARRAYS
    ]


async def written(disk: DiskCache, number: int) -> None:
    """Waits until an entry is on disk."""
    while not await disk.get([key(number)]):  # noqa: ASYNC110 - another thread's or process's work
        await asyncio.sleep(0.005)


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
