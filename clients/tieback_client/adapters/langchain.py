"""LangChain: embeddings, a retriever, a document compressor, and a check of answers.

Needs ``langchain-core``: the extra ``langchain``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
    Callbacks,
)
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from pydantic import ConfigDict, Field

from tieback_client import AsyncClient, Checked, Client, RetrievedHit


class TiebackEmbeddings(Embeddings):
    """Dense vectors of texts in one space. Texts that are too long fail, unless `truncate` cuts them."""

    def __init__(
        self, client: Client, *, space: str, width: int | None = None, truncate: bool = False
    ) -> None:
        self._client = client
        self._options: dict[str, Any] = {"space": space, "width": width, "truncate": truncate}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors `[n, width]` of texts."""
        if not texts:
            return []
        found = self._client.encode(texts, **self._options).raise_for_errors()
        vectors: list[list[float]] = found.vectors.astype(float).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self.embed_documents([text])[0]


class TiebackRetriever(BaseRetriever):
    """Passages of a collection. `options` are those of `Client.retrieve`: filter, reranker, diversity, …"""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    client: Client
    collection: str
    limit: int = 4
    options: dict[str, Any] = Field(default_factory=dict)
    async_client: AsyncClient | None = None
    """For the asynchronous calls; without it they run the other client in a thread."""

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's
    ) -> list[Document]:
        found = self.client.retrieve(self.collection, query, limit=self.limit, **self.options)
        return [_document(one) for one in found.hits]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        if self.async_client is None:
            return await super()._aget_relevant_documents(query, run_manager=run_manager)  # type: ignore[no-any-return]
        found = await self.async_client.retrieve(self.collection, query, limit=self.limit, **self.options)
        return [_document(one) for one in found.hits]


class TiebackCompressor(BaseDocumentCompressor):
    """Orders documents by a reranker of the server and keeps the best; the score is in their metadata."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    client: Client
    method: str = "late_interaction"
    limit: int = 3

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002 - LangChain's
    ) -> Sequence[Document]:
        """The best documents, best first."""
        if not documents:
            return []
        texts = [one.page_content for one in documents]
        found = self.client.rerank(query, texts, method=self.method, limit=self.limit)
        found.raise_for_errors()
        kept = [(documents[int(one.id)], one.score) for one in found.results]
        return [
            Document(page_content=one.page_content, metadata={**one.metadata, "score": score}, id=one.id)
            for one, score in kept
        ]


def checker(client: Client, **options: Any) -> RunnableLambda[dict[str, Any], Checked]:
    """A runnable that checks an answer: of ``{"text", "documents", "question"}`` a `Checked`.

    `options` are those of `Client.check`, for instance ``collection=`` in place of documents.
    """

    def check(given: dict[str, Any]) -> Checked:
        passages = [one.page_content for one in given.get("documents", ())]
        return client.check(given["text"], passages, question=given.get("question", ""), **options)

    return RunnableLambda(check, name="tieback check")


def _document(found: RetrievedHit) -> Document:
    hit = found.hit
    metadata = {
        **hit.metadata,
        "item_id": hit.item_id,
        "section_id": hit.section_id,
        "title": hit.item_title,
        "source": hit.uri,
        "score": hit.score,
        "relevance": found.relevance,
        "span": hit.span,
    }
    return Document(page_content=hit.text, metadata=metadata, id=f"{hit.item_id}/{hit.section_id}")
