"""Token pooling: the rows of a text's multi-vector are grouped, and each group becomes one row, its mean.

Late interaction needs a row for each token, which is most of what a section takes on the disk. Tokens that
say the same need no row each: "Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance
Impact via Token Pooling" (Clavié, Chaffin, Adams, 2024, arXiv:2409.14683). Queries are not pooled.
"""

from __future__ import annotations

from typing import Annotated, Protocol

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

from tieback.core.family import Family

_SMALLEST = 1e-12


class TokenPooling(Protocol):
    """A way to group rows."""

    def __call__(self, rows: Array) -> Array:
        """The group of each row `[n]`, int64: 0 to one less than there are groups, each with a row or more.

        `rows` `[n, width]` are float32 of length 1, in the order of the text; n is 1 or more. Groups are
        numbered by their first rows.
        """
        ...


token_poolings: Family[TokenPooling] = Family(__name__, TokenPooling)

Factor = Annotated[int, Field(ge=1, le=16)]
"""How many rows become one, on average; 1 keeps every row."""

DEFAULT_POOLING = MethodChoice("ward")


def with_defaults(choice: MethodChoice) -> MethodChoice:
    """The choice with what it leaves out: its name, or parameters. Those that it has are not checked."""
    name = choice.name or DEFAULT_POOLING.name
    properties = token_poolings.schema(name).get("properties", {})
    defaults = {key: schema["default"] for key, schema in properties.items()}
    return MethodChoice(name, {**defaults, **choice.parameters})


def group_count(rows: int, factor: int) -> int:
    """How many groups there are by a factor: at least one."""
    return -(-rows // factor)


def numbered(groups: Array) -> Array:
    """Groups `[n]` with any numbers, numbered by their first rows."""
    _, first, found = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[found]


def means_of(rows: Array, groups: Array) -> Array:
    """The mean of each group, of length 1 `[groups, width]`; of rows that cancel out, the group's first."""
    order = np.argsort(groups, kind="stable")
    _, begins = np.unique(groups[order], return_index=True)
    sums = np.add.reduceat(rows[order], begins, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    means = np.where(lengths > _SMALLEST, sums / np.maximum(lengths, _SMALLEST), rows[order[begins]])
    return np.asarray(means, np.float32)


def merged_spans(rows: Array, groups: Array, means: Array, spans: Array) -> Array:
    """The bytes that each group is of `[groups, 2]`, of the `spans` `[n, 2]` of its rows.

    Those of neighbouring rows of the group are one range. Of a group with several such ranges, it is the one
    with the row that is nearest to the mean, so that an alignment shows words that say what the row says.
    Empty spans are of no bytes.
    """
    closeness = np.einsum("nw,nw->n", rows, means[groups])
    order = np.lexsort((-closeness, groups))
    nearest = order[np.unique(groups[order], return_index=True)[1]]
    runs = np.cumsum(np.diff(groups, prepend=groups[0]) != 0)
    kept = (runs == runs[nearest][groups]) & (spans[:, 0] < spans[:, 1])
    merged = np.zeros((len(means), 2), np.int64)
    merged[:, 0] = np.iinfo(np.int64).max
    np.minimum.at(merged[:, 0], groups[kept], spans[kept, 0])
    np.maximum.at(merged[:, 1], groups[kept], spans[kept, 1])
    merged[merged[:, 1] == 0] = 0
    return merged
