"""A query of any modality becomes hits, by the stages of `query_stages/stages.py`."""

from __future__ import annotations

import asyncio

from tieback_contract.query import NO_OPTIONS, RetrievalPlan

from tieback.answer.plan import DEFAULT_PLAN, check_known, checked_plan, with_plan
from tieback.answer.spaces.encoding import LATE, reason_of
from tieback.answer.stages import pipeline
from tieback.answer.stages.state import Retrieving, Server
from tieback.answer.stages.step import Step
from tieback.answer.stopwatch import Stopwatch, hop, seconds_of, share
from tieback.core.call import Call
from tieback.core.errors import DeadlineExceeded, Overloaded, SpaceMismatch, Unavailable
from tieback.core.types.retrieval import RetrieveReply, RetrieveRequest
from tieback.query_stages.stage import Stage

TRANSIENT = (Unavailable, Overloaded, DeadlineExceeded)
"""What a part's trouble looks like, as opposed to the caller's mistake."""


class Retriever:
    """Finds what bears on a query."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def retrieve(
        self,
        request: RetrieveRequest,
        call: Call,
        watch: Stopwatch,
        defaults: RetrievalPlan = DEFAULT_PLAN,
    ) -> RetrieveReply:
        """Spaces and a reranker that are down or late are left out where the rest can answer."""
        with watch.stage("plan"):
            state = await self._planned(request, call, watch, defaults)
        try:
            await _run(state)
        except SpaceMismatch:
            if not self._server.spaces.forget(request.collection):
                raise
            # The collection was made anew.
            collection = await self._server.spaces.found(request.collection, hop(call.deadline))
            state = state.anew(collection)
            await _run(state)
        if not state.request.explain:
            return state.reply(())
        return state.reply(
            [one for _, step in pipeline() if step.explained is not None for one in step.explained(state)]
        )

    async def _planned(
        self, request: RetrieveRequest, call: Call, watch: Stopwatch, defaults: RetrievalPlan
    ) -> Retrieving:
        """The retrieval before its first stage. What needs no work to be found wrong is refused first."""
        server = self._server
        plan = checked_plan(request, server.limits, defaults, server.models)
        collection = await server.spaces.found(request.collection, hop(call.deadline))
        if collection.plan != NO_OPTIONS:
            check_known(request.collection, collection.plan, server.models)
            request = with_plan(request, collection.plan)
            plan = checked_plan(request, server.limits, defaults, server.models)
        state = Retrieving(server, request, plan, watch, call, collection)
        for _, step in pipeline():
            if step.check is not None:
                step.check(state)
        return state


async def _run(state: Retrieving) -> None:
    """Runs the stages that take place, one after the other."""
    for stage, step in pipeline():
        if not step.takes_place(state):
            continue
        state.hop = Call(hop(state.call.deadline))
        state.share = state.server.shares.get(stage.name, stage.share)
        if not stage.lost_as:
            await _timed(stage, step, state)
            continue
        try:
            # The time is kept here too: what overruns must not cost the whole answer.
            async with asyncio.timeout(seconds_of(share(state.hop.deadline, state.share))):
                await _timed(stage, step, state)
        except TRANSIENT as error:
            state.lost[stage.lost_as] = reason_of(error)
        except TimeoutError:
            state.lost[stage.lost_as] = LATE


async def _timed(stage: Stage, step: Step, state: Retrieving) -> None:
    if not stage.shown:
        await step.run(state)
        return
    timed = state.stage = state.watch.begun(stage.shown)
    try:
        await step.run(state)
    finally:
        state.watch.ended(timed)
