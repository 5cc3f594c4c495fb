"""Hits in the order of a condition: by the learned projection of stored vectors, and of the query's.

What agrees in it may be far down the order of the search, so two hundred candidates are ordered.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from pydantic import BaseModel, ConfigDict
from tieback.answer.picture_query import whole_and_regions
from tieback.answer.spaces.collections import CollectionSpace
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.errors import InvalidInput, NotFound, Unavailable
from tieback.core.order import best_first
from tieback.core.types.fusion import Role
from tieback.query_stages.stage import RETRIEVE, STAGES, Rule, Stage
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.hits import Hit, RetrievedHit

from tieback_lab.models.learned.conditional_space import ConditionalSpace

NAME = "condition"
CANDIDATES = 200
_ORDERED = "the condition orders the hits, and so would {}: leave one of them out"


class Condition(BaseModel):
    """The condition by its name, such as "colour"."""

    model_config = ConfigDict(extra="forbid")

    name: str


STAGE = Stage(
    NAME,
    "Orders the hits under a learned condition.",
    RETRIEVE,
    shown=NAME,
    after="rerank",
    parameters=Condition,
    needs=(Rule("vectors", _ORDERED.format("vector_search")),),
    excludes=(
        Rule("rerank", _ORDERED.format("reranker")),
        Rule("diversity", _ORDERED.format("diversity")),
        Rule("documents", _ORDERED.format("granularity")),
        Rule("composition", _ORDERED.format("composition")),
        Rule("rank", _ORDERED.format("ranker")),
    ),
)


def _asked(state: Retrieving) -> str:
    asked = state.further.get(NAME)
    return asked.name if isinstance(asked, Condition) else ""


def _check(state: Retrieving) -> None:
    """NotFound, with the choices, for an unknown condition; InvalidInput for several contents."""
    condition = _asked(state)
    if not condition:
        return
    names = {name for one in state.server.learned(ConditionalSpace) for name in one.conditions}
    if condition not in names:
        raise NotFound(NAME, condition, names)
    if len(state.request.query) != 1:
        raise InvalidInput("under a condition the query is one content", field="query")
    said, plan = state.request.options, state.plan
    candidates = said.candidates or max(CANDIDATES, state.limit)
    options = dataclasses.replace(plan.options, candidates=candidates, hits_per_item=said.hits_per_item or 0)
    state.plan = dataclasses.replace(plan, options=options, fill_up=False)


async def _wants(state: Retrieving) -> None:
    """The vectors that the condition was learned for: of hits as wholes, or of their regions."""
    condition = _asked(state)
    if not condition:
        return
    if state.is_translated:
        raise InvalidInput(
            "the collection's old model is gone, so there are no conditions until its upgrade is finished; "
            "leave the condition out",
            field=STAGES,
        )
    if state.fused is not None:
        space = await state.server.spaces.space_of(state.collection, state.hop.deadline)
        learned = _learned(state, condition, space)
        state.kept[NAME] = learned
        state.multi_vectors |= learned.regions
        state.vectors = not learned.regions


def _learned(state: Retrieving, condition: str, space: CollectionSpace) -> ConditionalSpace:
    """The projection that orders hits of the space. InvalidInput where none does."""
    having = [one for one in state.server.learned(ConditionalSpace) if condition in one.conditions]
    found = next((one for one in having if one.space == space.ref), None)
    if found is None:
        known = ", ".join(sorted({one.space.name for one in having}))
        raise InvalidInput(
            f"{condition} was learned for vectors of {known}, and the collection is in "
            f"{space.ref.name!r}; learn it for that, or leave the condition out",
            field=STAGES,
        )
    if found.regions and not space.encoders[Role.DOCUMENT].joint_inputs.per_region:
        raise InvalidInput(
            f"{condition} was learned from regions of photos, and the collection keeps none "
            "(TIEBACK_REGIONS=each); learn it without, or leave the condition out",
            field=STAGES,
        )
    modality = state.request.query[0].content.modality
    if modality is not found.modality:
        raise InvalidInput(
            f"{condition} compares contents of the modality {found.modality}, and the query is of {modality}",
            field=at("query", 0, "content"),
        )
    return found


async def _order(state: Retrieving) -> None:
    """All hits, the nearest under the condition first, and at the end those that came without vectors.

    They came with their vectors as wholes, or where it was learned from regions, with these.
    """
    learned, hits = state.kept.get(NAME), state.found.hits
    if not isinstance(learned, ConditionalSpace) or state.fused is None:
        return
    asked = np.asarray(state.fused.vector.values, np.float32)[None]
    if learned.regions:
        space = await state.server.spaces.space_of(state.collection, state.hop.deadline)
        seen = await whole_and_regions(state.request.query, space, state.watch, state.hop.deadline)
        if seen is None:
            raise Unavailable(f"{learned.encoder} did not give the regions of the picture in time")
        asked = seen.values
    rows = {place: found for place, hit in enumerate(hits) if (found := _rows(hit)) is not None}
    projected = learned.project([asked, *rows.values()], _asked(state))
    scores = dict(zip(rows, (projected[1:] @ projected[0]).tolist(), strict=True))
    state.stage.candidates_in = state.stage.candidates_out = len(hits)
    known = np.array([scores.get(place, -np.inf) for place in range(len(hits))])
    state.ordered = [
        _retrieved(hits[place], place, scores.get(place)) for place in best_first(known, lambda place: place)
    ]


STEP = Step(_order, lambda state: NAME in state.kept, _check, _wants)


def _retrieved(hit: Hit, place: int, score: float | None) -> RetrievedHit:
    """The hit with its score under the condition, without the vectors that nobody asked for."""
    scored = dataclasses.replace(hit, score=-1.0 if score is None else score, vector=None, multi_vector=None)
    return RetrievedHit(scored, hit.score, place, score)


def _rows(hit: Hit) -> Array | None:
    if hit.multi_vector is not None:
        return np.asarray(hit.multi_vector.values, np.float32)
    return None if hit.vector is None else np.asarray(hit.vector.values, np.float32)[None]
