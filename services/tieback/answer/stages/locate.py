"""A query's vector in the space of a collection, and in the one that the collection is being moved to."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieback_contract.encodings import Truncated
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused, FusePart, RoutingExplanation
from tieback_contract.method_choice import MethodChoice, is_chosen
from tieback_contract.vectors import Vector

from tieback.answer.plan import NO_RANKER, NO_RERANKING, WORDS_ALONE
from tieback.answer.query_words import words_of
from tieback.answer.spaces.collections import CollectionSpace
from tieback.answer.spaces.encoding import (
    cut_off,
    losses_of,
    reason_of,
    with_unencoded_contents,
    without,
)
from tieback.answer.stages.state import STALE, Retrieving
from tieback.answer.stages.step import Step
from tieback.answer.stopwatch import Stopwatch, hop, seconds_of, share
from tieback.core.call import Call
from tieback.core.errors import EndpointUnavailable, InvalidInput, StaleCollection, TiebackError
from tieback.core.types.encoding import Truncation
from tieback.core.types.fusion import FuseRequest, Role
from tieback.core.types.moving import SecondVector
from tieback.query_stages.stages import further

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Located:
    """A query in its collection's space, and what its encoders did not read of it.

    `second` is where it is in the space that the collection is being moved to, where that can be said.
    """

    fused: Fused
    unread: Mapping[str, Truncated]
    second: SecondVector | None = None


async def _locate(state: Retrieving) -> None:
    """Makes the query's vectors. Where no encoder of it is served, words alone are searched for.

    So they are where its encoder is another server's, and that is away.
    """
    try:
        located = await _located(state)
    except (StaleCollection, EndpointUnavailable) as error:
        if not words_of(state.request.query) or not state.plan.options.hybrid:
            raise
        if isinstance(error, StaleCollection):
            state.stale = state.collection.space.name
        else:
            state.lost[state.collection.space.name] = reason_of(error)
        state.plan = state.plan.but(
            ranker=NO_RANKER,
            balance_modalities=False,
            rank_fusion=None,
            reranker=NO_RERANKING,
            vector_search=WORDS_ALONE,
            stages=_without_vectors(state.plan.options.stages),
        )
        return
    state.fused, state.unread, state.second = located.fused, located.unread, located.second


def _without_vectors(stages: Sequence[MethodChoice] | None) -> list[MethodChoice] | None:
    """The stages of extensions that need no vector."""
    needs = {stage.name: [rule.other for rule in stage.needs] for stage in further()}
    return [one for one in stages or () if "vectors" not in needs[one.name]] or None


STEP = Step(_locate, lambda state: state.fused is None and is_chosen(state.plan.options.vector_search))
"""An extension's stage may have made the vector."""


async def _located(state: Retrieving) -> Located:
    """The query's vectors. Where the collection is between two spaces, the old one has to answer.

    It knows every section; without the new one, the answer is the old one's.
    """
    spaces, watch = state.server.spaces, state.watch
    with watch.stage("collection"):
        space = await spaces.space_of(state.collection, state.hop.deadline)
        following = spaces.following(state.collection)
    if following is None:
        return await _in(state, space, watch)
    beside = asyncio.create_task(_in(state, following, Stopwatch()), name="the query in the new space")
    try:
        located = await _in(state, space, watch)
        with watch.stage("second"):
            await asyncio.wait([beside])
    finally:
        beside.cancel()
    error = beside.exception()
    if error is None:
        there = beside.result().fused
        return dataclasses.replace(located, second=SecondVector(there.vector, there.ignored))
    if not isinstance(error, TiebackError):
        raise error
    _log.info("read in the old space alone, since the new one does not answer: %s", error.message)
    return located


async def _in(state: Retrieving, space: CollectionSpace, watch: Stopwatch) -> Located:
    """The query's vector in one space."""
    request, deadline = state.request, state.call.deadline
    contents = [part.content for part in request.query]
    first = contents[0].data
    routing = space.routing(request.routing, state.collection.routing)
    if len(contents) == 1 and isinstance(first, Vector) and first.space.name == space.name:
        return Located(Fused(first, marked(RoutingExplanation("precomputed", {}, 0.0), space)), {})
    encoders = space.encoders[Role.QUERY]
    encoded = await encoders.encode(
        contents,
        watch,
        truncation=Truncation.END,
        deadline=hop(deadline),
        patience=seconds_of(share(deadline, state.share)),
        skipped=encoders.joint_inputs.unused(routing.weights) if routing.weights else frozenset(),
    )
    parts = [
        FusePart(encoding, request.query[place].weight, place)
        for place, encodings in enumerate(encoded.encodings)
        for encoding in encodings
    ]
    lost = losses_of(encoded)
    if not parts:
        raise next(iter(encoded.failed.values()))
    with watch.stage("fuse") as stage:
        try:
            reply = await space.router.fuse(
                FuseRequest([parts], role=Role.QUERY, routing=routing), Call(hop(deadline))
            )
        except InvalidInput as error:
            imputing = error.field.below(at("routing", "imputation")) is not None
            asked = imputing and request.routing.imputation is not None
            if routing is not request.routing and not asked:  # the caller never saw it
                raise InvalidInput(
                    f"the routing that the collection was made with does not fit: {error.message}; "
                    "say another with the query, or make the collection anew",
                    field="collection",
                ) from None
            raise
        stage.queue, stage.compute = reply.timing.queue, reply.timing.compute
    fused = reply.results[0]
    if not isinstance(fused, Fused):
        raise _blame_query(fused, parts)
    explained = with_unencoded_contents(fused.routing, request.query, encoded, space.losses)
    unread = cut_off(part.encoding for part in parts)
    routed = marked(without(explained, lost), space)
    return Located(dataclasses.replace(fused, routing=routed), unread)


def marked(routing: RoutingExplanation, space: CollectionSpace) -> RoutingExplanation:
    """The explanation, saying of a space that is no longer served that it is; nothing is missing for that."""
    if not space.is_retired:
        return routing
    return dataclasses.replace(routing, reasons={**routing.reasons, space.name: STALE})


def _blame_query(error: TiebackError, parts: Sequence[FusePart]) -> TiebackError:
    """The router numbered encodings, which the caller never saw."""
    match error.field.steps:
        case ("inputs", 0, "parts", int(place), *_):
            return error.about(at("query", parts[place].content, "content"))
    return error.about(at("query"))
