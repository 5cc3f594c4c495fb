"""What a model said of one content: what caches keep, and what every output is shaped from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tieback.core.types import Array, Label
from tieback.models.encoder_model import Prepared, RawEncoding


class Computed(NamedTuple):
    """A result at full width in float32, whatever was asked for: one serves all widths and element types.

    The arrays are read-only, since many may hold them. The model read `token_count` tokens after
    `truncated_tokens` were cut off. `invariant` says that it ran on this content alone, so that nothing else
    can have touched the result.
    """

    dense: Array | None
    tokens: Array | None
    spans: Sequence[tuple[int, int]]
    labels: Sequence[Label]
    token_count: int
    truncated_tokens: int
    invariant: bool

    @classmethod
    def of(cls, prepared: Prepared, raw: RawEncoding, invariant: bool) -> Computed:
        """The result in memory of its own: a row would keep its whole batch alive."""
        return cls(
            None if raw.dense is None else _own(raw.dense),
            None if raw.tokens is None else _own(raw.tokens),
            tuple(raw.spans),
            tuple(raw.labels),
            prepared.tokens,
            prepared.truncated,
            invariant,
        )


def _own(array: Array) -> Array:
    own = array.astype(np.float32)
    own.flags.writeable = False
    return own
