"""Cohere's Python package, as it is, and requests as Jina's clients write them."""

from __future__ import annotations

from collections.abc import Iterator

import cohere
import httpx
import pytest
from cohere.errors import BadRequestError, NotFoundError
from support.local_platform import Running
from tieback_client import Client

QUERY = "What makes the tides?"
DOCUMENTS = ["Bread is made of flour.", "The moon pulls the sea and makes the tides.", "Cats sleep a lot."]
METHOD = "late_interaction"


@pytest.fixture(scope="module")
def client(door: Running) -> Iterator[cohere.ClientV2]:
    with cohere.ClientV2(api_key="none", base_url=door.http) as made:
        yield made


def test_documents_are_ordered_as_by_the_platform(client: cohere.ClientV2, door: Running) -> None:
    with Client(door.address) as own:
        expected = own.rerank(QUERY, DOCUMENTS, method=METHOD).results

    found = client.rerank(model=METHOD, query=QUERY, documents=DOCUMENTS)

    assert [one.index for one in found.results] == [int(one.id) for one in expected]
    assert [one.relevance_score for one in found.results] == [one.score for one in expected]
    assert found.results[0].index == 1


def test_only_the_best_are_returned_where_that_is_asked_for(client: cohere.ClientV2) -> None:
    assert len(client.rerank(model=METHOD, query=QUERY, documents=DOCUMENTS, top_n=2).results) == 2


def test_the_older_client_reads_the_same(door: Running) -> None:
    with cohere.Client(api_key="none", base_url=door.http) as older:
        found = older.rerank(model=METHOD, query=QUERY, documents=DOCUMENTS, return_documents=True)

    assert found.results[0].document is not None
    assert found.results[0].document.text == DOCUMENTS[1]


def test_an_unknown_model_is_not_found(client: cohere.ClientV2) -> None:
    with pytest.raises(NotFoundError, match=METHOD):
        client.rerank(model="rerank-v4", query=QUERY, documents=DOCUMENTS)


def test_what_the_server_does_not_have_is_refused_with_the_way_out(client: cohere.ClientV2) -> None:
    with pytest.raises(BadRequestError, match="send shorter ones"):
        client.rerank(model=METHOD, query=QUERY, documents=DOCUMENTS, max_tokens_per_doc=10)


def test_a_request_as_jina_has_it_is_answered_in_its_shape(door: Running) -> None:
    asked = {
        "model": METHOD,
        "query": "What pulls the sea?",
        "documents": [{"text": one} for one in DOCUMENTS],
        "top_n": 1,
        "return_documents": True,
    }
    answer = httpx.post(f"{door.http}/v1/rerank", json=asked).raise_for_status().json()

    assert answer["model"] == METHOD
    assert answer["results"][0]["index"] == 1
    assert answer["results"][0]["document"] == {"text": DOCUMENTS[1]}
    assert answer["usage"]["total_tokens"] > 0


def test_a_document_that_fails_is_the_requests_error(door: Running) -> None:
    asked = {"model": METHOD, "query": QUERY, "documents": ["a", " "]}
    answer = httpx.post(f"{door.http}/v1/rerank", json=asked)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("documents[1]")


def test_a_document_that_is_no_text_is_named_by_its_place(door: Running) -> None:
    asked = {"model": METHOD, "query": QUERY, "documents": ["a", {"image": "b"}]}
    answer = httpx.post(f"{door.http}/v1/rerank", json=asked)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "documents[1]"
