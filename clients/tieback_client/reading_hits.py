"""Converts messages of the contract to what was found, its new order, and the plan behind it."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from tieback_client.facts import facts
from tieback_client.moves import Mixture
from tieback_client.reading import (
    MICROSECONDS,
    array,
    box,
    known_span,
    labels,
    locator,
    modality,
    multi_vector,
    routing,
    segments,
    timing,
    truncated,
)
from tieback_client.reports import CallInfo
from tieback_client.reranking import AlignedPair, Alignment, Reranked
from tieback_client.results import (
    FoundPiece,
    Highlight,
    Hit,
    RetrievalPlan,
    RetrievalResult,
    RetrievedHit,
    SignalShare,
    StageScore,
)
from tieback_client.same_text import SameText

# In the order of the contract's enum, whose zero is "not given".
_READ_IN = ("", "old", "new", "translated")
_GRANULARITIES = ("section", "section", "document")


def hit(message: Any, stages: Sequence[StageScore] = ()) -> Hit:
    """A section that was found; `stages` are what the steps made of it."""
    return Hit(
        item_id=message.item_id,
        item_title=message.item_title,
        section_id=message.section_id,
        section_title=message.section_title,
        modality=modality(message.modality),
        text=message.text,
        uri=message.uri,
        metadata=facts(message.metadata),
        score=message.score,
        vector_score=message.vector_score if message.HasField("vector_score") else None,
        text_score=message.text_score if message.HasField("text_score") else None,
        words_matched=message.words_matched if message.HasField("words_matched") else None,
        region=box(message.region) if message.HasField("region") else None,
        span=known_span(message),
        pieces=[_piece(one) for one in message.pieces],
        multi_vector=multi_vector(message.multi_vector) if message.HasField("multi_vector") else None,
        sections=list(map(hit, message.sections)),
        stages=stages,
        signals=dict(message.signals),
        highlights=[_highlight(one) for one in message.highlights],
        segments=segments(message.segments),
        read_in=_READ_IN[message.read_in] if message.read_in < len(_READ_IN) else "",
        own_score=message.own_score if message.HasField("own_score") else None,
        trust=message.trust if message.HasField("trust") else None,
        also_in=[SameText(one.item_id, one.item_title, one.section_id, one.uri) for one in message.also_in],
    )


def _highlight(message: Any) -> Highlight:
    span = message.span.begin_byte, message.span.end_byte
    return Highlight(span, message.words, message.similarity if message.HasField("similarity") else None)


def _piece(message: Any) -> FoundPiece:
    return FoundPiece(
        section_id=message.section_id,
        text=message.text,
        score=message.score,
        span=known_span(message),
        vector_score=message.vector_score if message.HasField("vector_score") else None,
        words_matched=message.words_matched if message.HasField("words_matched") else None,
        relevance=message.relevance if message.HasField("relevance") else None,
        below_floor=message.below_floor,
    )


def retrieval(message: Any, info: CallInfo) -> RetrievalResult:
    """What was found, best first."""
    return RetrievalResult(
        hits=list(map(_retrieved, message.hits, stages_of_hits(message))),
        routing=routing(message.routing),
        labels=labels(message.labels),
        timing=timing(message.timing),
        plan=plan(message.plan),
        truncated=truncated(message.truncated),
        mixture=_mixture(message.mixture) if message.HasField("mixture") else None,
        call=info,
    )


def _mixture(message: Any) -> Mixture:
    return Mixture(message.old, message.new, message.translated, message.trust, message.done)


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


def _retrieved(message: Any, stages: Sequence[StageScore] = ()) -> RetrievedHit:
    return RetrievedHit(
        hit=hit(message.hit, stages),
        search_score=message.search_score,
        search_rank=message.search_rank,
        rerank_score=message.rerank_score if message.HasField("rerank_score") else None,
        alignment=_alignment(message),
        relevance=message.relevance if message.HasField("relevance") else None,
        below_floor=message.below_floor,
        sections=[_retrieved(one) for one in message.sections],
        signals=[SignalShare(one.name, one.value, one.contribution) for one in message.signals],
    )


def plan(message: Any) -> RetrievalPlan:
    """How a query is answered."""
    return RetrievalPlan(
        hybrid=message.hybrid,
        balance=message.balance_modalities,
        rank_fusion=message.rank_fusion.name,
        reranker=message.reranker.name,
        candidates=message.candidates,
        relevance_floor=message.relevance_floor,
        collapse=message.collapse_pieces,
        query_expansion=message.query_expansion.name,
        diversity=message.diversity,
        hits_per_item=message.hits_per_item,
        granularity=_GRANULARITIES[message.granularity],
        token_vectors=message.token_vectors,
        ranker=message.ranker.name,
        composition=message.composition,
        condition=message.condition,
        vector_search=message.vector_search.name,
        expected_recall=message.expected_recall if message.HasField("expected_recall") else None,
        expected_seconds=message.expected_us / MICROSECONDS if message.HasField("expected_us") else None,
        skipped_reranker=message.skipped_reranker.name,
        first_modality=modality(message.first_modality),
        every_copy=message.every_copy,
        fill_up=message.fill_up,
    )


def reranked(message: Any) -> Reranked:
    """A candidate with its new place."""
    return Reranked(
        id=message.id,
        score=message.score,
        rerank_score=message.rerank_score,
        first_rank=message.first_rank,
        alignment=_alignment(message),
    )


def _alignment(holder: Any) -> Alignment | None:
    if not holder.HasField("alignment"):
        return None
    message = holder.alignment
    pairs = [
        AlignedPair(locator(one.query), locator(one.candidate), one.similarity, one.weight)
        for one in message.pairs
    ]
    return Alignment(pairs, array(message.plan) if message.HasField("plan") else None)
