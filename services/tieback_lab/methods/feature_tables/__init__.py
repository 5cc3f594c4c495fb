"""Feature tables: which rows of one table of vectors stand for the values of categorical features.

A value is a string of any vocabulary, which need not be known. It is hashed: two values may share a row. What
an item is embedded as is the rows of all its values, one after another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.family import Family
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

Columns = Mapping[str, Sequence[str]]
"""By the name of a feature, its value for each of n items."""


class FeatureTable(Protocol):
    """Chooses rows."""

    def __call__(self, columns: Columns, size: int) -> Array:
        """The rows `[n, lookups]`, int64, in a table of `size` of them; features are by name.

        InvalidInput where the columns have different lengths, there are none, or the table is too small.
        """
        ...


feature_tables: Family[FeatureTable] = Family(__name__, FeatureTable, called="feature table")


def embedded(rows: Array, table: Array) -> Array:
    """The vectors `[n, lookups · width]` of `rows` `[n, lookups]` of a `table` `[size, width]`."""
    return np.asarray(table[rows].reshape(len(rows), -1))


def checked(columns: Columns, size: int, fewest: int) -> int:
    """How many items the columns have. InvalidInput where columns or table are of no use."""
    lengths = {name: len(values) for name, values in columns.items()}
    if not lengths:
        raise InvalidInput("there are no features", field="columns")
    count = next(iter(lengths.values()))
    for name, length in lengths.items():
        if length != count:
            raise InvalidInput(
                f"the feature {name!r} has {length} values, and others have {count}",
                field=at("columns").key(name),
            )
    if size < fewest:
        raise InvalidInput(f"a table of {size} rows is too small; take {fewest} or more", field="size")
    return count


def hashed(seed: str, values: Sequence[str], size: int) -> Array:
    """A row below `size` for each value, the same in every process and on every machine."""
    key = hashlib.blake2b(seed.encode(), digest_size=32).digest()
    rows: dict[str, int] = {}
    for value in values:
        if value not in rows:
            digest = hashlib.blake2b(value.encode(), digest_size=8, key=key).digest()
            rows[value] = int.from_bytes(digest, "little") % size
    return np.array([rows[value] for value in values], np.int64)
