"""Haystack's own pipelines over a server."""

from __future__ import annotations

import numpy as np
from conftest import COLLECTION, QUESTION, SPACE, TEXTS
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.components.routers import ConditionalRouter
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from tieback_client import Client
from tieback_client.adapters.haystack import (
    TiebackChecker,
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


FALSE = "Cats sleep for most of the day, and hunt in 3 evenings."


def test_replies_are_checked_against_documents(client: Client) -> None:
    documents = [Document(content=text, meta={"title": "Handbook"}) for text in TEXTS]
    own = TiebackChecker(server=client.server)

    right = own.run([TEXTS[1]], documents, query=QUESTION)
    wrong = own.run([ChatMessage.from_assistant(TEXTS[1]), ChatMessage.from_assistant(FALSE)], documents)

    (claim,) = right["checked"][0]["claims"]
    assert right["is_supported"]
    assert claim["verdict"]["label"] == "supported"
    assert claim["citations"][0]["source_id"] == documents[1].id
    assert claim["verdict"]["answers_question"] is not None
    assert right["checked"][0]["sources"][1]["title"] == "Handbook"
    assert not wrong["is_supported"]
    assert [one["text"] for one in wrong["checked"]] == [TEXTS[1], FALSE]
    assert own.run([], documents) == {"replies": [], "checked": [], "is_supported": False}


def test_a_pipeline_routes_replies_by_their_check_and_can_be_stored(client: Client) -> None:
    routes = [
        {"condition": "{{is_supported}}", "output": "{{replies}}", "output_name": "good",
         "output_type": list[str]},
        {"condition": "{{not is_supported}}", "output": "{{replies}}", "output_name": "withheld",
         "output_type": list[str]},
    ]  # fmt: skip
    pipeline = Pipeline()
    pipeline.add_component("check", TiebackChecker(server=client.server, checker="verbatim"))
    pipeline.add_component("route", ConditionalRouter(routes, unsafe=True))
    pipeline.connect("check.is_supported", "route.is_supported")
    pipeline.connect("check.replies", "route.replies")
    stored = TiebackChecker.from_dict(pipeline.get_component("check").to_dict())
    documents = [Document(content=text) for text in TEXTS]

    for reply, name in ((TEXTS[1], "good"), (FALSE, "withheld")):
        found = pipeline.run({"check": {"replies": [reply], "documents": documents}})
        assert found["route"] == {name: [reply]}
        assert stored.run([reply], documents)["is_supported"] is (name == "good")
