"""Haystack: embedders of texts and documents, a retriever, a ranker, a checker, as components of a pipeline.

Needs ``haystack-ai``: the extra ``haystack``. The token is read from TIEBACK_TOKEN when it is needed, and is
in no serialised pipeline.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.dataclasses import ChatMessage

from tieback_client import Check, Client, Evidence, RetrievedHit


class _Component:
    """What all have: a server, asked by a client that is made when it is first needed.

    Haystack makes the decorated classes anew, so that `super()` does not work in them.
    """

    def __init__(self, server: str | None, options: dict[str, Any]) -> None:
        self._server, self._options = server, options
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The client."""
        if self._client is None:
            self._client = Client(self._server)
        return self._client

    def to_dict(self) -> dict[str, Any]:
        """The component as a pipeline stores it."""
        stored: dict[str, Any] = default_to_dict(self, server=self._server, **self._options)
        return stored

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        """The component that was stored."""
        return default_from_dict(cls, data)


@component
class TiebackTextEmbedder(_Component):
    """The vector of one text."""

    def __init__(self, space: str, *, server: str | None = None, truncate: bool = False) -> None:
        _Component.__init__(self, server, {"space": space, "truncate": truncate})

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, Any]:
        """Encodes."""
        found = self.client.encode([text], **self._options).raise_for_errors()
        return {"embedding": found.vectors[0].astype(float).tolist()}


@component
class TiebackDocumentEmbedder(_Component):
    """Documents with their vectors."""

    def __init__(self, space: str, *, server: str | None = None, truncate: bool = False) -> None:
        _Component.__init__(self, server, {"space": space, "truncate": truncate})

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """Encodes; documents without a text are refused."""
        if not documents:
            return {"documents": []}
        texts = [one.content or "" for one in documents]
        found = self.client.encode(texts, **self._options).raise_for_errors()
        vectors = found.vectors.astype(float).tolist()
        pairs = zip(documents, vectors, strict=True)
        return {"documents": [replace(one, embedding=vector) for one, vector in pairs]}


@component
class TiebackRetriever(_Component):
    """Passages of a collection."""

    def __init__(
        self, collection: str, *, server: str | None = None, top_k: int = 10, filter: str = ""
    ) -> None:
        _Component.__init__(self, server, {"collection": collection, "top_k": top_k, "filter": filter})

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int | None = None, filter: str | None = None) -> dict[str, Any]:
        """Searches. `filter` is the platform's, docs/search.md#filters."""
        own = self._options
        chosen = own["filter"] if filter is None else filter
        found = self.client.retrieve(own["collection"], query, limit=top_k or own["top_k"], filter=chosen)
        return {"documents": [_document(one) for one in found.hits]}


@component
class TiebackRanker(_Component):
    """Orders documents by a reranker of the server and keeps the best."""

    def __init__(
        self, method: str = "late_interaction", *, server: str | None = None, top_k: int = 10
    ) -> None:
        _Component.__init__(self, server, {"method": method, "top_k": top_k})

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document], top_k: int | None = None) -> dict[str, Any]:
        """Reranks."""
        if not documents:
            return {"documents": []}
        own = self._options
        texts = [one.content or "" for one in documents]
        found = self.client.rerank(query, texts, method=own["method"], limit=top_k or own["top_k"])
        found.raise_for_errors()
        return {"documents": [replace(documents[int(one.id)], score=one.score) for one in found.results]}


@component
class TiebackChecker(_Component):
    """Checks replies against documents: a checked text of each (docs/grounding.md#checked-texts).

    `is_supported` tells for a router whether at least `least_share` of the decided claims of every reply are
    supported. A reply of which nothing was decided is not.
    """

    def __init__(
        self, *, server: str | None = None, checker: str | None = None, least_share: float = 1.0
    ) -> None:
        _Component.__init__(self, server, {"checker": checker, "least_share": least_share})

    @component.output_types(replies=list[Any], checked=list[dict[str, Any]], is_supported=bool)
    def run(
        self, replies: list[str] | list[ChatMessage], documents: list[Document], query: str = ""
    ) -> dict[str, Any]:
        """Checks. `replies` are those of a generator; the query is what they answer."""
        own = self._options
        passages = list({one.id: _evidence(one) for one in documents if one.content}.values())
        checks = [
            Check(one if isinstance(one, str) else one.text or "", passages, (), query) for one in replies
        ]
        found = list(self.client.check_all(checks, checker=own["checker"])) if checks else []
        shares = [one.supported_share for one in found]
        return {
            "replies": replies,
            "checked": [one.document for one in found],
            "is_supported": bool(found)
            and all(one is not None and one >= own["least_share"] for one in shares),
        }


def _evidence(document: Document) -> Evidence:
    meta = document.meta
    named = {name: str(meta.get(name) or "") for name in ("title", "item_id", "section_id", "uri")}
    return Evidence(document.content or "", document.id, **named)


def _document(found: RetrievedHit) -> Document:
    hit = found.hit
    meta = {
        **hit.metadata,
        "item_id": hit.item_id,
        "section_id": hit.section_id,
        "title": hit.item_title,
        "uri": hit.uri,
        "relevance": found.relevance,
    }
    return Document(id=f"{hit.item_id}/{hit.section_id}", content=hit.text, meta=meta, score=hit.score)
