"""Haystack's own pipelines over a server."""

from __future__ import annotations

import numpy as np
from conftest import COLLECTION, QUESTION, SPACE, TEXTS
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from tieback_client import Client
from tieback_client.adapters.haystack import (
    TiebackDocumentEmbedder,
    TiebackRanker,
    TiebackRetriever,
    TiebackTextEmbedder,
)


def test_embedded_documents_are_found_by_an_embedded_question(client: Client) -> None:
    documents = [Document(content=text) for text in TEXTS]
    embedded = TiebackDocumentEmbedder(SPACE, server=client.server).run(documents)["documents"]
    store = InMemoryDocumentStore()
    store.write_documents(embedded)
    pipeline = Pipeline()
    pipeline.add_component("words", TiebackTextEmbedder(SPACE, server=client.server))
    pipeline.add_component("find", InMemoryEmbeddingRetriever(store, top_k=1))
    pipeline.connect("words.embedding", "find.query_embedding")

    found = pipeline.run({"words": {"text": QUESTION}})["find"]["documents"]

    assert found[0].content == TEXTS[1]
    expected = client.encode(TEXTS, space=SPACE).vectors
    assert np.array_equal(np.array([one.embedding for one in embedded], np.float32), expected)


def test_a_pipeline_retrieves_and_ranks_and_can_be_stored(client: Client) -> None:
    pipeline = Pipeline()
    pipeline.add_component("find", TiebackRetriever(COLLECTION, server=client.server, top_k=3))
    pipeline.add_component("rank", TiebackRanker(server=client.server, top_k=1))
    pipeline.connect("find.documents", "rank.documents")
    allowed = ["tieback_client.adapters.haystack"]
    stored = Pipeline.loads(pipeline.dumps(), allowed_modules=allowed)

    for one in (pipeline, stored):
        found = one.run({"find": {"query": QUESTION}, "rank": {"query": QUESTION}})["rank"]["documents"]
        assert [document.content for document in found] == [TEXTS[1]]


def test_a_filter_is_the_platforms(client: Client) -> None:
    found = TiebackRetriever(COLLECTION, server=client.server, filter="year = 2002").run(QUESTION)

    assert [one.content for one in found["documents"]] == [TEXTS[2]]
