"""Candidates of a reranker: texts by their words, or a photo by its regions with those of stored photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tieback_contract.hits import Hit
from tieback_contract.method_choice import is_chosen
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector

from tieback.answer.picture_query import is_picture_by_regions, plan_by_regions, whole_and_regions
from tieback.answer.plan import NO_RERANKING
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.errors import Unsupported
from tieback.core.types.content import Content
from tieback.core.types.rerank import RerankCandidate, RerankSource
from tieback.token_spaces import TokenSpace


def _check(state: Retrieving) -> None:
    if state.server.reranker is None and is_chosen(state.plan.options.reranker):
        raise Unsupported("no space of this server has multi-vectors to rerank by")


async def _wants(state: Retrieving) -> None:
    """A photo alone may be reranked by regions, also unasked; texts by the vectors of their tokens."""
    server, space = state.server, None
    if not state.own and state.fused is not None and server.reranker is not None and not state.is_translated:
        space = await server.spaces.space_of(state.collection, state.hop.deadline)
        if is_picture_by_regions(state.request.query, space):
            state.plan = plan_by_regions(state.request, state.plan, space, server.limits)
        else:
            space = None
    if not compares_vectors(state):
        return
    state.by_regions, state.multi_vectors = space, space is not None
    if space is None and not server.reranks_words:
        raise Unsupported(
            "no text space of this server has multi-vectors to rerank by; a photo alone is reranked by "
            "regions where its collection keeps them"
        )
    if state.words and space is None:
        kept = server.spaces.tokens_of(state.collection)
        state.token_vectors = kept is not None
        state.tokens = kept or server.spaces.token_spaces.of(state.collection.space)


def compares_vectors(state: Retrieving) -> bool:
    """Tell whether the reranker is a method, which compares vectors, and no model."""
    method = state.plan.options.reranker or NO_RERANKING
    return method.name not in (NO_RERANKING.name, *state.server.rerankers)


async def _compare(state: Retrieving) -> None:
    hits = state.compared
    source: RerankSource = Content(Modality.TEXT, state.words)
    candidates = _texts(hits, state.tokens) if state.words else []
    pictures = _pictures(hits)
    if state.by_regions is not None and pictures:
        seen = await whole_and_regions(state.request.query, state.by_regions, state.watch, state.hop.deadline)
        if seen is not None:
            source, candidates = seen, pictures
    state.source, state.candidates = source, candidates
    if any(stored_tokens(hit, state.tokens) is not None for hit in hits):
        state.plan = dataclasses.replace(state.plan, token_vectors=True)


STEP = Step(
    _compare,
    lambda state: state.server.reranker is not None and is_chosen(state.plan.options.reranker),
    _check,
    _wants,
)


def _texts(hits: Sequence[Hit], tokens: TokenSpace | None) -> list[RerankCandidate]:
    """The hits that have words, by their places."""
    return [
        RerankCandidate(
            str(place),
            Content(Modality.TEXT, text) if (multi := stored_tokens(hit, tokens)) is None else multi,
            hit.score,
        )
        for place, hit in enumerate(hits)
        if (text := hit.text.strip())
    ]


def stored_tokens(hit: Hit, tokens: TokenSpace | None) -> MultiVector | None:
    """The vectors of the tokens of a hit's text, where it came with those of that space."""
    multi = hit.multi_vector
    return multi if multi is not None and tokens is not None and multi.space == tokens.ref else None


def _pictures(hits: Sequence[Hit]) -> list[RerankCandidate]:
    """The hits that came with their multi-vectors, by their places."""
    return [
        RerankCandidate(str(place), hit.multi_vector, hit.score)
        for place, hit in enumerate(hits)
        if hit.multi_vector is not None
    ]
