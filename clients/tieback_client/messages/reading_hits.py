"""Converts messages of the contract to what was found, its new order, and the plan behind it."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from tieback.v1 import answer_pb2, content_pb2, index_pb2, reranker_pb2, router_pb2
from tieback_contract.converters import read_truncated
from tieback_contract.encodings import Label
from tieback_contract.fusion import RoutingExplanation
from tieback_contract.hits import Hit, Mixture, Reranked, RetrievedHit, StageScore
from tieback_contract.query import RetrievalPlan

from tieback_client.messages.reading import timing
from tieback_client.reports import CallInfo
from tieback_client.transport.codec import CODEC
from tieback_client.values.results import RetrievalResult

hit = CODEC.reader(Hit, index_pb2.Hit.DESCRIPTOR)
reranked = CODEC.reader(Reranked, reranker_pb2.RerankResult.DESCRIPTOR)
_retrieved = CODEC.reader(RetrievedHit, answer_pb2.RetrievedHit.DESCRIPTOR)
_routing = CODEC.reader(RoutingExplanation, router_pb2.RoutingExplanation.DESCRIPTOR)
_label = CODEC.reader(Label, content_pb2.Label.DESCRIPTOR)
_mixture = CODEC.reader(Mixture, answer_pb2.Mixture.DESCRIPTOR)
plan = CODEC.reader(RetrievalPlan, answer_pb2.RetrievalPlan.DESCRIPTOR)


def retrieval(message: Any, info: CallInfo) -> RetrievalResult:
    """What was found, best first."""
    return RetrievalResult(
        hits=[
            _retrieved(one, stages=stages)
            for one, stages in zip(message.hits, stages_of_hits(message), strict=True)
        ],
        routing=_routing(message.routing),
        labels=[_label(one) for one in message.labels],
        timing=timing(message.timing),
        plan=plan(message.plan),
        truncated=read_truncated(message.truncated),
        mixture=_mixture(message.mixture) if message.HasField("mixture") else None,
        call=info,
    )


def stages_of_hits(message: Any) -> list[Sequence[StageScore]]:
    """Of each hit of a response, what the steps that it passed made of it, in order."""
    if not message.steps:
        return [()] * len(message.hits)
    found: list[list[StageScore]] = [[] for _ in message.hits]
    for step in message.steps:
        name, reasons, normalised = step.stage, list(step.reasons), step.normalised or [nan] * len(step.hits)
        rows = zip(step.hits, step.scores, normalised, step.ranks, step.kept, strict=True)
        for place, score, used, rank, why in rows:
            found[place].append(StageScore(name, _known(score), _known(used), rank, reasons[why]))
    return [*found]


def _known(score: float) -> float | None:
    return score if score == score else None  # NaN is not equal to itself
