"""Hits in the order of a condition: by the learned projection of stored vectors, and of the query's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.hits import Hit, RetrievedHit
from tieback_contract.vectors import SpaceRef

from tieback.answer.picture_query import whole_and_regions
from tieback.answer.spaces.collections import CollectionSpace
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.errors import InvalidInput, NotFound, Unavailable
from tieback.core.order import best_first
from tieback.core.types.fusion import Role
from tieback.core.types.retrieval import QueryPart
from tieback.models.learned.conditional_space import ConditionalSpace
from tieback.query_stages.stage import OPTIONS


class Conditions:
    """The learned conditions of a server."""

    def __init__(self, spaces: Sequence[ConditionalSpace] = ()) -> None:
        self._known: Mapping[tuple[SpaceRef, str], ConditionalSpace] = {
            (one.space, name): one for one in spaces for name in one.conditions
        }

    def check(self, condition: str, query: Sequence[QueryPart]) -> None:
        """NotFound, with the choices, for an unknown condition; InvalidInput for several contents."""
        if condition not in (names := {name for _, name in self._known}):
            raise NotFound("condition", condition, names)
        if len(query) != 1:
            raise InvalidInput("under a condition the query is one content", field="query")

    def of(self, condition: str, query: Sequence[QueryPart], space: CollectionSpace) -> ConditionalSpace:
        """The projection that orders hits of the space. InvalidInput where none does."""
        found = self._known.get((space.ref, condition))
        if found is None:
            known = ", ".join(sorted({ref.name for ref, name in self._known if name == condition}))
            raise InvalidInput(
                f"{condition} was learned for vectors of {known}, and the collection is in "
                f"{space.ref.name!r}; learn it for that, or leave the condition out",
                field=OPTIONS["condition"],
            )
        if found.regions and not space.encoders[Role.DOCUMENT].joint_inputs.per_region:
            raise InvalidInput(
                f"{condition} was learned from regions of photos, and the collection keeps none "
                "(TIEBACK_REGIONS=each); learn it without, or leave the condition out",
                field=OPTIONS["condition"],
            )
        modality = query[0].content.modality
        if modality is not found.modality:
            raise InvalidInput(
                f"{condition} compares contents of the modality {found.modality}, and the query is of "
                f"{modality}",
                field=at("query", 0, "content"),
            )
        return found


def _check(state: Retrieving) -> None:
    if state.plan.options.condition:
        state.server.conditions.check(state.plan.options.condition, state.request.query)


async def _wants(state: Retrieving) -> None:
    """The vectors that the condition was learned for: of hits as wholes, or of their regions."""
    condition = state.plan.options.condition
    if not condition:
        return
    if state.is_translated:
        raise InvalidInput(
            "the collection's old model is gone, so there are no conditions until its upgrade is finished; "
            "leave the condition out",
            field=OPTIONS["condition"],
        )
    if state.fused is not None:
        space = await state.server.spaces.space_of(state.collection, state.hop.deadline)
        state.under = state.server.conditions.of(condition, state.request.query, space)
        state.multi_vectors |= state.under.regions
        state.vectors = not state.under.regions


async def _order(state: Retrieving) -> None:
    """All hits, the nearest under the condition first, and at the end those that came without vectors.

    They came with their vectors as wholes, or where it was learned from regions, with these.
    """
    learned, hits = state.under, state.found.hits
    if learned is None or state.fused is None:
        return
    asked = np.asarray(state.fused.vector.values, np.float32)[None]
    if learned.regions:
        space = await state.server.spaces.space_of(state.collection, state.hop.deadline)
        seen = await whole_and_regions(state.request.query, space, state.watch, state.hop.deadline)
        if seen is None:
            raise Unavailable(f"{learned.encoder} did not give the regions of the picture in time")
        asked = seen.values
    rows = {place: found for place, hit in enumerate(hits) if (found := _rows(hit)) is not None}
    projected = learned.project([asked, *rows.values()], state.plan.options.condition or "")
    scores = dict(zip(rows, (projected[1:] @ projected[0]).tolist(), strict=True))
    state.stage.candidates_in = state.stage.candidates_out = len(hits)
    known = np.array([scores.get(place, -np.inf) for place in range(len(hits))])
    state.ordered = [
        _retrieved(hits[place], place, scores.get(place)) for place in best_first(known, lambda place: place)
    ]


STEP = Step(_order, lambda state: state.under is not None, _check, _wants)


def _retrieved(hit: Hit, place: int, score: float | None) -> RetrievedHit:
    """The hit with its score under the condition, without the vectors that nobody asked for."""
    scored = dataclasses.replace(hit, score=-1.0 if score is None else score, vector=None, multi_vector=None)
    return RetrievedHit(scored, hit.score, place, score)


def _rows(hit: Hit) -> Array | None:
    if hit.multi_vector is not None:
        return np.asarray(hit.multi_vector.values, np.float32)
    return None if hit.vector is None else np.asarray(hit.vector.values, np.float32)[None]
