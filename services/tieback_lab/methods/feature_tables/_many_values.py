"""Things with any number of values of each feature, by one table that all features share.

The vectors of a feature's values are averaged, and a feature that a thing has no value of counts for nothing:
its part of the concatenation is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tieback.core.errors import InvalidInput
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.methods.feature_tables import feature_tables


class Lookups(NamedTuple):
    """What is looked up for some things: thing `things[i]` has at `slots[i]` the row `rows[i]`.

    `slots` are the places in the concatenation, and `weights` `[i]`, float32, are one over the number of
    values that share one.
    """

    things: Array
    slots: Array
    rows: Array
    weights: Array

    def concatenated(self, table: Array, count: int, slots: int) -> Array:
        """The vectors `[count, slots · width]` of the `count` things, by a `table` `[size, width]`."""
        width = table.shape[1]
        found = np.zeros((count * slots, width), np.float32)
        np.add.at(found, self.things * slots + self.slots, table[self.rows] * self.weights[:, None])
        return found.reshape(count, slots * width)


def looked_up(
    things: Sequence[Mapping[str, Sequence[str]]], lookups_of: Mapping[str, int], size: int, seed: int
) -> Lookups:
    """The rows, in a table of `size`, of things whose values are by feature; `lookups_of` has all features.

    InvalidInput, with the choices, for another feature.
    """
    owners: dict[str, list[int]] = {name: [] for name in lookups_of}
    values: dict[str, list[str]] = {name: [] for name in lookups_of}
    shares: dict[str, list[float]] = {name: [] for name in lookups_of}
    for place, thing in enumerate(things):
        for name, own in thing.items():
            if name not in lookups_of:
                raise InvalidInput(
                    f"there is no feature {name!r}; there are: {', '.join(sorted(lookups_of))}",
                    field=at("features", "values").key(name),
                    reason="UNKNOWN_FEATURE",
                )
            owners[name] += [place] * len(own)
            values[name] += own
            shares[name] += [1 / len(own)] * len(own)
    parts, slot = [_none()], 0
    for name in sorted(lookups_of):
        lookups = lookups_of[name]
        if values[name]:
            choose = feature_tables.configure("multiplexed", {"lookups": lookups, "seed": seed})
            rows = choose({name: values[name]}, size)
            parts.append(
                Lookups(
                    np.repeat(np.array(owners[name], np.int64), lookups),
                    np.tile(np.arange(slot, slot + lookups), len(rows)),
                    rows.reshape(-1),
                    np.repeat(np.array(shares[name], np.float32), lookups),
                )
            )
        slot += lookups
    return Lookups(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _none() -> Lookups:
    empty = np.empty(0, np.int64)
    return Lookups(empty, empty, empty, np.empty(0, np.float32))
