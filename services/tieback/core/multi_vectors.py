"""What a multi-vector must be, wherever it comes from: a matrix whose rows each have a locator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tieback_contract.arrays import OUTSIDE, Array, inside
from tieback_contract.field_path import FieldPath
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import MultiVector

from tieback.core.errors import InvalidInput

LISTS: Mapping[LocatorKind, str] = {
    LocatorKind.BYTE_SPAN: "byte_spans",
    LocatorKind.BOX: "boxes",
    LocatorKind.TIME_RANGE: "time_ranges",
}
"""The fields of the contract that hold locators of a kind."""

_WRONG: Mapping[LocatorKind, str] = {
    LocatorKind.BYTE_SPAN: "a byte span begins at byte 0 or later and does not end before it begins",
    LocatorKind.BOX: OUTSIDE,
    LocatorKind.TIME_RANGE: "a time range begins at 0 seconds or later and ends after it begins",
}


def check_rows(multi: MultiVector, *, field: FieldPath) -> None:
    """InvalidInput where the values are no matrix, or where the locators are not one for each row.

    A locator must lie in the content, as far as can be told without it: a box in its picture, a span or a
    range at 0 or later.
    """
    values, locators = np.asarray(multi.values), multi.locators
    if values.ndim != 2:
        raise InvalidInput(
            f"a multi-vector has the shape [rows, width], not {list(values.shape)}", field=field["values"]
        )
    path = field[LISTS[locators.kind]]
    if len(locators) != len(values):
        raise InvalidInput(
            f"there are {len(locators)} locators for {len(values)} rows; give one each", field=path
        )
    for row in np.flatnonzero(~_possible(locators)).tolist():
        raise InvalidInput(_WRONG[locators.kind], field=path[row])


def _possible(locators: Locators) -> Array:
    """Which locators `[n]` can be of a content; NaN is nowhere."""
    if locators.kind is LocatorKind.BOX:
        return inside(locators.places)
    begins, ends = locators.places.T
    longest = ends >= begins if locators.kind is LocatorKind.BYTE_SPAN else ends > begins
    return np.asarray((begins >= 0) & longest & np.isfinite(ends))
