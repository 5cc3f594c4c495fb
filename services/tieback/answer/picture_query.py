"""A query that is one picture, as a reranker compares it with stored pictures: its whole and its regions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import WHOLE
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.method_choice import is_chosen
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity, RetrievalPlan
from tieback_contract.vectors import MultiVector

from tieback.answer.plan import NO_RERANKING, PICTURE_RERANKING, reranked_candidates
from tieback.answer.spaces.collections import CollectionSpace
from tieback.answer.spaces.single_space import SingleSpace
from tieback.answer.stopwatch import Stopwatch, hop
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput
from tieback.core.types.encoding import Truncation
from tieback.core.types.fusion import FuseRequest, Role
from tieback.core.types.retrieval import QueryPart, RetrieveRequest
from tieback.models.pictures.decoding import size_of
from tieback.query_stages.checks import clashes
from tieback.query_stages.stage import Asked

SMALLEST_SIDE = 8
"""Pixels. A region has half of that."""


def is_picture_by_regions(query: Sequence[QueryPart], space: CollectionSpace) -> bool:
    """Whether the query is one picture, and the space one in which pictures are stored by their regions."""
    modalities = [part.content.modality for part in query]
    return modalities == [Modality.IMAGE] and space.encoders[Role.DOCUMENT].joint_inputs.per_region


def plan_by_regions(
    retrieval: RetrieveRequest, plan: RetrievalPlan, space: CollectionSpace, limits: Limits
) -> RetrievalPlan:
    """The plan of such a query: in the space of one encoder reranked by regions, unless it asks otherwise.

    In the joint space it is a choice: there it lost where a part is alone (docs/search.md). InvalidInput
    where a reranking is asked for and the picture is too small to have regions.
    """
    content = retrieval.query[0].content
    if not isinstance(content.data, bytes):
        return plan
    width, height = size_of(content, limits)
    is_small = min(width, height) < SMALLEST_SIDE
    if is_small and is_chosen(retrieval.options.reranker):
        raise InvalidInput(
            f"the picture has {width} × {height} pixels, and one that is reranked by its regions has "
            f"{SMALLEST_SIDE} a side at least; send a larger part, or name the reranker "
            f"{NO_RERANKING.name!r}",
            field=at("query", 0, "content", "image"),
        )
    if (
        is_small
        or not isinstance(space.router, SingleSpace)
        or retrieval.options.reranker is not None
        or is_chosen(plan.options.reranker)
        or plan.options.granularity is Granularity.DOCUMENT
    ):
        return plan
    reranked = dataclasses.replace(plan.options, reranker=PICTURE_RERANKING)
    if any("rerank" in (one.holder.name, one.blamed.name) for one in clashes(Asked(reranked))):
        return plan  # something else orders the hits
    candidates = retrieval.options.candidates or reranked_candidates(retrieval.limit)
    return plan.but(reranker=PICTURE_RERANKING, candidates=max(candidates, plan.options.candidates or 0))


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
    reply = await space.router.fuse(
        FuseRequest([parts], role=Role.DOCUMENT, per_region=True), Call(hop(deadline))
    )
    fused = reply.results[0]
    if not isinstance(fused, Fused) or fused.regions is None:
        return None
    values = np.concatenate((fused.vector.values[None], fused.regions.values), dtype=np.float32)
    boxes = np.concatenate(([WHOLE], fused.regions.locators.places), dtype=np.float32)
    return MultiVector(values, space.ref, Locators(LocatorKind.BOX, boxes))
