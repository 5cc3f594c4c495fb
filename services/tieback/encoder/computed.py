"""What a model said of one content: what caches keep, and what every output is shaped from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.encoding import Label
from tieback.models.encoder_model import Prepared, RawEncoding


class Computed(NamedTuple):
    """A result at full width in float32, whatever was asked for: one serves all widths and element types.

    The arrays are read-only, since many may hold them. The model read `token_count` tokens after
    `truncated_tokens` were cut off. `invariant` says that it ran on this content alone, so that nothing else
    can have touched the result. `indices` (int32) and `weights` are of the sparse vector, `boxes` of the
    `regions`.
    """

    dense: Array | None
    tokens: Array | None
    spans: Sequence[tuple[int, int]]
    labels: Sequence[Label]
    token_count: int
    truncated_tokens: int
    invariant: bool
    indices: Array | None = None
    weights: Array | None = None
    regions: Array | None = None
    boxes: Array | None = None

    @classmethod
    def of(cls, prepared: Prepared, raw: RawEncoding, invariant: bool) -> Computed:
        """The result in memory of its own: a row would keep its whole batch alive."""
        indices, weights = (None, None) if raw.sparse is None else raw.sparse
        return cls(
            _own(raw.dense),
            _own(raw.tokens),
            tuple(raw.spans),
            tuple(raw.labels),
            prepared.tokens,
            prepared.truncated,
            invariant,
            _own(indices, np.int32),
            _own(weights),
            _own(raw.regions),
            _own(raw.boxes),
        )


def arrays_of(computed: Computed) -> tuple[Array | None, ...]:
    """All that is in arrays."""
    one = computed
    return one.dense, one.tokens, one.indices, one.weights, one.regions, one.boxes


def _own(array: Array | None, dtype: type[np.generic] = np.float32) -> Array | None:
    if array is None:
        return None
    own = array.astype(dtype)
    own.flags.writeable = False
    return own
