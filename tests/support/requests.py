"""Requests of searches and retrievals from keywords, as tests write them."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from tieback.core.call import Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.types.retrieval import AnswerRequest, QueryPart, RetrieveReply, RetrieveRequest
from tieback.core.types.search import SearchReply, SearchRequest
from tieback.ports import AnswerPort, IndexPort
from tieback_contract.answers import GenerationEvent
from tieback_contract.query import QueryOptions

_OPTIONS = frozenset(one.name for one in dataclasses.fields(QueryOptions))


def search_of(collection: str, **asked: Any) -> SearchRequest:
    """The request with these fields and options."""
    return SearchRequest(collection, **_divided(asked))


def retrieval(collection: str, query: Sequence[QueryPart], **asked: Any) -> RetrieveRequest:
    """The request with these fields and options."""
    return RetrieveRequest(collection, query, **_divided(asked))


async def searched(
    index: IndexPort, collection: str, *, deadline: Deadline = NO_DEADLINE, **asked: Any
) -> SearchReply:
    """The reply to a request with these fields and options."""
    return await index.search(search_of(collection, **asked), Call(deadline))


def answered(
    answerer: AnswerPort, found: RetrieveRequest, *, deadline: Deadline = NO_DEADLINE, **asked: Any
) -> AsyncIterator[RetrieveReply | GenerationEvent]:
    """The events of an answer by what was found."""
    return answerer.answer(AnswerRequest(found, **asked), Call(deadline))


def _divided(asked: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in asked.items() if name in _OPTIONS}
    return {name: value for name, value in asked.items() if name not in _OPTIONS} | {
        "options": QueryOptions(**options)
    }
