"""The search of the index, by the options of the plan that it reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from tieback_contract.method_choice import is_chosen
from tieback_contract.query import RetrievalPlan

from tieback.answer import stages
from tieback.answer.stages.order import sections_of
from tieback.answer.stages.own_kind import related_from
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.types.search import SearchReply, SearchRequest, StageScores
from tieback.ports import NO_EXPANSION
from tieback.query_stages.stage import SEARCH
from tieback.query_stages.stages import by_name


async def _search(state: Retrieving) -> None:
    for _, step in stages.pipeline():
        if step.wants is not None:
            await step.wants(state)
    reply = await state.server.index.search(_request(state), state.hop)
    state.stage.queue, state.stage.compute = reply.timing.queue, reply.timing.compute
    state.watch.add_parts(state.stage, reply.timing)
    state.found = reply
    state.plan = _used(state.plan, reply)
    state.compared = sections_of(reply.hits) if state.by_documents else reply.hits


def _request(state: Retrieving) -> SearchRequest:
    request, fused = state.request, state.fused
    options = state.plan.options.of_search()
    known = by_name()
    own = [one for one in options.stages or () if known[one.name].of == SEARCH] or None
    options = dataclasses.replace(options, stages=own)
    if options.highlights and not state.searched:
        options = dataclasses.replace(options, highlights=None)
    return SearchRequest(
        request.collection,
        None if fused is None else fused.vector,
        state.searched,
        state.plan.options.candidates or 0,
        request.filter,
        request.explain,
        ignored=() if fused is None else fused.ignored,
        multi_vectors=state.multi_vectors,
        token_vectors=state.token_vectors,
        vectors=state.vectors,
        signals=state.signals,
        second=state.second,
        first_modality=state.plan.first_modality,
        related_from=related_from(state),
        fill_up=state.plan.fill_up,
        options=options,
    )


def _used(plan: RetrievalPlan, found: SearchReply) -> RetrievalPlan:
    """The plan as the search used it: a method may have left the query as it was, or chosen another."""
    if not found.expanded and is_chosen(plan.options.query_expansion):
        plan = plan.but(query_expansion=NO_EXPANSION)
    if (reached := found.reached) is None:
        return plan
    return dataclasses.replace(
        plan.but(vector_search=reached.method),
        expected_recall=reached.recall,
        expected_seconds=reached.seconds,
    )


def _explained(state: Retrieving) -> Iterable[StageScores]:
    """Give the scores of the search's stages by the places of the hits."""
    # A reranker may have made another section of a document its hit, of which the search said nothing.
    place_of = {
        one.search_rank: place
        for place, one in enumerate(state.hits)
        if one.hit.section_id == state.found.hits[one.search_rank].section_id
    }
    every = (_given(one, place_of) for one in state.found.steps)
    return [one for one in every if one.hits]


def _given(step: StageScores, place_of: Mapping[int, int]) -> StageScores:
    rows = [row for row, hit in enumerate(step.hits) if hit in place_of]
    return StageScores(
        step.stage,
        [place_of[step.hits[row]] for row in rows],
        [step.scores[row] for row in rows],
        [step.normalised[row] for row in rows] if step.normalised else (),
        [step.ranks[row] for row in rows],
        [step.kept[row] for row in rows],
        step.reasons,
    )


STEP = Step(_search, explained=_explained)
