"""Memory for the keys and values of several rows of tokens.

Each row has an address for every place up to the capacity, but only the pages that were written take memory,
and a row that ends gives its pages back at once: the processor's own page table is the table of the pages.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

SPARE = 1
"""Places behind the last token: the graph writes one more where it runs a single row
(`recipes/llama_graph.py`)."""


class RowCaches:
    """Arrays float32 `[rows, heads, capacity, width]` by the names of a decoder's caches. One thread."""

    def __init__(self, names: Sequence[str], *, rows: int, heads: int, capacity: int, width: int) -> None:
        shape = (rows, heads, capacity + SPARE, width)
        self._row_bytes = 4 * heads * (capacity + SPARE) * width
        self._maps = [mmap.mmap(-1, rows * self._row_bytes) for _ in names]
        self.arrays: dict[str, Array] = {
            name: np.frombuffer(memory, np.float32).reshape(shape)
            for name, memory in zip(names, self._maps, strict=True)
        }

    def move(self, source: int, target: int, length: int) -> None:
        """Copies the first `length` places of a row over another row."""
        for array in self.arrays.values():
            array[target, :, :length] = array[source, :, :length]

    def clear(self, row: int) -> None:
        """Gives the row's pages back; those that it shares with its neighbours stay."""
        page = mmap.PAGESIZE
        begin = -(-row * self._row_bytes // page) * page
        end = (row + 1) * self._row_bytes // page * page
        if begin < end:
            for memory in self._maps:
                memory.madvise(mmap.MADV_DONTNEED, begin, end - begin)

    def read(self, row: int, begin: int, end: int) -> Array:
        """A copy of some places of a row `[caches, heads, end - begin, width]`."""
        return np.stack([array[row, :, begin:end] for array in self.arrays.values()])

    def write(self, row: int, begin: int, values: Array) -> None:
        """Puts what `read` returned to a place of any row."""
        end = begin + values.shape[2]
        for array, value in zip(self.arrays.values(), values, strict=True):
            array[row, :, begin:end] = value
