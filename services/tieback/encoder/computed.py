"""The output of a model for one content: what caches store, and what every response is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.locators import Locators

from tieback.models.encoder_model import Prepared, RawEncoding


class Computed(NamedTuple):
    """A result at full width in float32, whatever was asked for: one serves all widths and element types.

    The arrays are read-only, since many may hold them. The model read `token_count` tokens after
    `truncated_tokens` were cut off. `invariant` means that it ran on this content alone, so that nothing else
    can have touched the result. `rows` and `locators` are of the multi-vector, `indices` (int32) and
    `weights` of the sparse one.
    """

    dense: Array | None
    rows: Array | None
    locators: Locators | None
    labels: Sequence[Label]
    token_count: int
    truncated_tokens: int
    invariant: bool
    indices: Array | None = None
    weights: Array | None = None

    @classmethod
    def of(cls, prepared: Prepared, raw: RawEncoding, invariant: bool) -> Computed:
        """The result in memory of its own: a row would keep its whole batch alive."""
        indices, weights = (None, None) if raw.sparse is None else raw.sparse
        return cls(
            _own(raw.dense),
            _own(raw.rows),
            None if raw.locators is None else _kept(raw.locators),
            tuple(raw.labels),
            prepared.tokens,
            prepared.truncated,
            invariant,
            _own(indices, np.int32),
            _own(weights),
        )


def arrays_of(computed: Computed) -> tuple[Array | None, ...]:
    """All that is in arrays."""
    one = computed
    places = None if one.locators is None else one.locators.places
    return one.dense, one.rows, places, one.indices, one.weights


def _kept(locators: Locators) -> Locators:
    places = locators.places.copy()
    places.flags.writeable = False
    return Locators(locators.kind, places)


def _own(array: Array | None, dtype: type[np.generic] = np.float32) -> Array | None:
    if array is None:
        return None
    own = array.astype(dtype)
    own.flags.writeable = False
    return own
