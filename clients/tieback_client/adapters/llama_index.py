"""LlamaIndex: embeddings, a retriever, and a postprocessor that reranks.

Needs ``llama-index-core``: the extra ``llama-index``.
"""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode

from tieback_client import Client, RetrievedHit


class TiebackEmbedding(BaseEmbedding):
    """Dense vectors of texts in one space. Texts that are too long fail, unless `truncate` cuts them."""

    space: str = Field(description="The space.")
    width: int | None = Field(default=None, description="A smaller width that the space was trained for.")
    truncate: bool = Field(default=False, description="Whether long texts are cut.")
    _client: Client = PrivateAttr()

    def __init__(self, client: Client, *, space: str, **options: Any) -> None:
        super().__init__(space=space, model_name=space, **options)
        self._client = client

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        found = self._client.encode(texts, space=self.space, width=self.width, truncate=self.truncate)
        vectors: list[list[float]] = found.raise_for_errors().vectors.astype(float).tolist()
        return vectors

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, query)


class TiebackRetriever(BaseRetriever):
    """Passages of a collection. `options` are those of `Client.retrieve`: filter, reranker, diversity, …"""

    def __init__(self, client: Client, collection: str, *, limit: int = 4, **options: Any) -> None:
        super().__init__()
        self._client, self._collection = client, collection
        self._limit, self._options = limit, options

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._client.retrieve(
            self._collection, query_bundle.query_str, limit=self._limit, **self._options
        )
        return [_node(one) for one in found.hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


class TiebackReranker(BaseNodePostprocessor):
    """Orders nodes by a reranker of the server and keeps the best."""

    method: str = Field(default="late_interaction", description="A method, or a reranker's name.")
    limit: int = Field(default=3, description="Nodes to keep.")
    _client: Client = PrivateAttr()

    def __init__(self, client: Client, **options: Any) -> None:
        super().__init__(**options)
        self._client = client

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if not nodes:
            return []
        if query_bundle is None:
            raise ValueError("a reranker needs the query: pass query_bundle or query_str")
        texts = [one.node.get_content(metadata_mode=MetadataMode.NONE) for one in nodes]
        found = self._client.rerank(query_bundle.query_str, texts, method=self.method, limit=self.limit)
        found.raise_for_errors()
        return [NodeWithScore(node=nodes[int(one.id)].node, score=one.score) for one in found.results]


def _node(found: RetrievedHit) -> NodeWithScore:
    hit = found.hit
    metadata = {
        **{
            key: value if isinstance(value, str | int | float) else str(value)
            for key, value in hit.metadata.items()
        },
        "item_id": hit.item_id,
        "section_id": hit.section_id,
        "title": hit.item_title,
        "uri": hit.uri,
    }
    node = TextNode(id_=f"{hit.item_id}/{hit.section_id}", text=hit.text, metadata=metadata)
    return NodeWithScore(node=node, score=hit.score)
