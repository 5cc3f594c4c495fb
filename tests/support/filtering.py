"""Items in memory to be filtered, and filters of any form."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from tieback.collections.record import Record
from tieback.core.types.content import Item, Section
from tieback.filters import And, Comparison, Filter, Not, Or
from tieback.filters.columns import Column
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Put
from tieback_contract.metadata import Metadata, MetadataValue
from tieback_contract.modality import Modality


def put(
    memory: Memory,
    version: int,
    name: str,
    metadata: Metadata,
    title: str = "",
    modality: Modality = Modality.TEXT,
) -> None:
    """Writes an item of one section."""
    memory.apply([made(version, name, metadata, title, modality)])


def made(
    version: int, name: str, metadata: Metadata, title: str = "", modality: Modality = Modality.TEXT
) -> Put:
    """The writing of an item of one section."""
    item = Item(name, [Section("1", None)], title, metadata)
    return Put(version, Record(item, [""], [modality], np.zeros((1, 1), np.float32)))


def written(column: Column, position: int, value: MetadataValue | None) -> None:
    """Writes the value of one position."""
    column.clear(position)
    if value is not None:
        column.put(np.array([position]), [value], np.zeros(1, np.int64))


def waiting(doing: str) -> None:
    """A check of whether somebody waits for the answer: somebody does."""


def trees(comparisons: st.SearchStrategy[Comparison], most: int) -> st.SearchStrategy[Filter]:
    """Filters of at most so many comparisons."""
    return st.recursive(
        comparisons,
        lambda inner: (
            st.builds(Not, inner)
            | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
            | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
        ),
        max_leaves=most,
    )
