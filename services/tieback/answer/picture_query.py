"""A query that is one picture, as a reranker compares it with stored pictures: its whole and its regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.answer.collection_spaces import CollectionSpace
from tieback.answer.stopwatch import Stopwatch, hop
from tieback.core.boxes import WHOLE
from tieback.core.deadline import Deadline
from tieback.core.types.content import Modality
from tieback.core.types.encoding import Truncation
from tieback.core.types.fusion import Fused, FusePart, Role
from tieback.core.types.locators import LocatorKind, Locators
from tieback.core.types.retrieval import QueryPart
from tieback.core.types.vectors import MultiVector


def is_picture_by_regions(query: Sequence[QueryPart], space: CollectionSpace) -> bool:
    """Whether the query is one picture, and the space one in which pictures are stored by their regions."""
    modalities = [part.content.modality for part in query]
    return modalities == [Modality.IMAGE] and space.encoders[Role.DOCUMENT].joint_inputs.per_region


async def whole_and_regions(
    query: Sequence[QueryPart], space: CollectionSpace, watch: Stopwatch, deadline: Deadline
) -> MultiVector | None:
    """The vectors of the picture as they would be stored, the whole's first.

    None where its encoders see no regions or do not answer; raises what the router raises.
    """
    encoded = await space.encoders[Role.DOCUMENT].encode(
        [part.content for part in query],
        watch,
        truncation=Truncation.END,
        deadline=hop(deadline),
        role=Role.DOCUMENT,
    )
    parts = [FusePart(encoding) for encoding in encoded.encodings[0]]
    if not parts:
        return None
    reply = await space.router.fuse([parts], role=Role.DOCUMENT, per_region=True, deadline=hop(deadline))
    fused = reply.results[0]
    if not isinstance(fused, Fused) or fused.regions is None:
        return None
    values = np.concatenate((fused.vector.values[None], fused.regions.values), dtype=np.float32)
    boxes = np.concatenate(([WHOLE], fused.regions.locators.places), dtype=np.float32)
    return MultiVector(space.ref, values, Locators(LocatorKind.BOX, boxes))
