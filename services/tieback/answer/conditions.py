"""Hits in the order of a condition: by the learned projection of stored vectors, and of the query's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused
from tieback_contract.hits import Hit, RetrievedHit
from tieback_contract.method_choice import is_chosen
from tieback_contract.query import Granularity, RetrievalPlan
from tieback_contract.vectors import SpaceRef

from tieback.answer.collection_spaces import CollectionSpace
from tieback.answer.picture_query import whole_and_regions
from tieback.answer.stopwatch import Stopwatch
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, NotFound, Unavailable
from tieback.core.order import best_first
from tieback.core.types.fusion import Role
from tieback.core.types.retrieval import RetrieveRequest
from tieback.models.learned.conditional_space import ConditionalSpace

CONDITION = "condition"
"""The step's name."""


class Conditions:
    """The learned conditions of a server."""

    def __init__(self, spaces: Sequence[ConditionalSpace] = ()) -> None:
        self._known: Mapping[tuple[SpaceRef, str], ConditionalSpace] = {
            (one.space, name): one for one in spaces for name in one.conditions
        }

    def check(self, retrieval: RetrieveRequest, plan: RetrievalPlan) -> None:
        """NotFound, with the choices, for an unknown condition; InvalidInput beside what orders otherwise."""
        if not (condition := plan.options.condition):
            return
        if condition not in (names := {name for _, name in self._known}):
            raise NotFound("condition", condition, names)
        if len(retrieval.query) != 1:
            raise InvalidInput("under a condition the query is one content", field="query")
        others = {
            "reranker": is_chosen(plan.options.reranker),
            "diversity": bool(plan.options.diversity),
            "granularity": plan.options.granularity is Granularity.DOCUMENT,
            "composition": bool(plan.options.composition),
            "vector_search": not is_chosen(plan.options.vector_search),
            "ranker": is_chosen(retrieval.options.ranker),
        }
        for field, is_asked in others.items():
            if is_asked:
                raise InvalidInput(
                    f"the condition orders the hits, and so would {field}: leave one of them out", field=field
                )

    def of(self, retrieval: RetrieveRequest, space: CollectionSpace) -> Conditional:
        """What orders hits of the space. InvalidInput where nothing does, or not what is asked for."""
        condition = retrieval.options.condition or ""
        found = self._known.get((space.ref, condition))
        if found is None:
            known = ", ".join(sorted({ref.name for ref, name in self._known if name == condition}))
            raise InvalidInput(
                f"{condition} was learned for vectors of {known}, and the collection is in "
                f"{space.ref.name!r}; learn it for that, or leave the condition out",
                field="condition",
            )
        if found.regions and not space.encoders[Role.DOCUMENT].joint_inputs.per_region:
            raise InvalidInput(
                f"{condition} was learned from regions of photos, and the collection keeps none "
                "(TIEBACK_REGIONS=each); learn it without, or leave the condition out",
                field="condition",
            )
        modality = retrieval.query[0].content.modality
        if modality is not found.modality:
            raise InvalidInput(
                f"{condition} compares contents of the modality {found.modality}, and the query is of "
                f"{modality}",
                field=at("query", 0, "content"),
            )
        return Conditional(found, retrieval, space)


@dataclass(frozen=True, slots=True)
class Conditional:
    """The order of one query's hits under its condition."""

    learned: ConditionalSpace
    retrieval: RetrieveRequest
    space: CollectionSpace

    async def ordered(
        self, fused: Fused, hits: Sequence[Hit], watch: Stopwatch, deadline: Deadline
    ) -> list[RetrievedHit]:
        """All hits, the nearest under the condition first, and at the end those that came without vectors.

        They came with their vectors as wholes, or where it was learned from regions, with these.
        """
        asked = np.asarray(fused.vector.values, np.float32)[None]
        if self.learned.regions:
            seen = await whole_and_regions(self.retrieval.query, self.space, watch, deadline)
            if seen is None:
                raise Unavailable(f"{self.learned.encoder} did not give the regions of the picture in time")
            asked = seen.values
        with watch.stage(CONDITION) as stage:
            rows = {place: found for place, hit in enumerate(hits) if (found := _rows(hit)) is not None}
            projected = self.learned.project([asked, *rows.values()], self.retrieval.options.condition or "")
            scores = dict(zip(rows, (projected[1:] @ projected[0]).tolist(), strict=True))
            stage.candidates_in = stage.candidates_out = len(hits)
        known = np.array([scores.get(place, -np.inf) for place in range(len(hits))])
        order = best_first(known, lambda place: place)
        return [_retrieved(hits[place], place, scores.get(place)) for place in order]


def _retrieved(hit: Hit, place: int, score: float | None) -> RetrievedHit:
    """The hit with its score under the condition, without the vectors that nobody asked for."""
    scored = dataclasses.replace(hit, score=-1.0 if score is None else score, vector=None, multi_vector=None)
    return RetrievedHit(scored, hit.score, place, score)


def _rows(hit: Hit) -> Array | None:
    if hit.multi_vector is not None:
        return np.asarray(hit.multi_vector.values, np.float32)
    return None if hit.vector is None else np.asarray(hit.vector.values, np.float32)[None]
