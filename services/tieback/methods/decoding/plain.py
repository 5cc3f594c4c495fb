"""Plain decoding: the model's own logits."""

from __future__ import annotations

from collections.abc import Mapping

from tieback.core.types.arrays import Array
from tieback.methods.decoding import WITH_EVIDENCE, decodings, reads


@decodings.method
@reads(WITH_EVIDENCE)
def plain(streams: Mapping[str, Array]) -> Array:
    """The logits of the prompt with its evidence, as they are."""
    return streams[WITH_EVIDENCE]
