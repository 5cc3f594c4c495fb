"""Pages are kept as pictures and found by words, the first by late interaction of patches and tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.local_platform import served_locally
from support.own_pictures import PICTURES
from support.visual_documents import QUERIES, Saved
from tieback.serving.settings import Settings
from tieback_client import Client, Image, Item, TokenIds

PAGES = PICTURES[:6]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(tmp_path_factory.mktemp("visual"))


@pytest.fixture(scope="module")
def client(saved: Saved) -> Iterator[Client]:
    folder = saved.folder.parent
    settings = Settings(
        store=folder / "kept", models=saved.store.root, cards=folder, port=0, metrics_port=None,
        spaces=("pages",), regions="each", binding="none", generator="none", drain_seconds=1,
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as one:
        items = [Item(str(place), Image(data)) for place, data in enumerate(PAGES)]
        one.ingest("reports", items, space="pages").collect()
        yield one


def test_a_page_is_found_by_words(client: Client, saved: Saved) -> None:
    hits = client.retrieve("reports", QUERIES[0], reranker="none").hits

    assert {one.hit.item_id for one in hits} == set(map(str, range(len(PAGES))))
    assert hits[0].hit.item_id == "0"  # the first picture's mean is nearest: the index compares means


@pytest.mark.parametrize("space", ["pages", "pages-query"])
def test_pages_are_reranked_by_late_interaction_as_transformers_scores_them(
    client: Client, saved: Saved, space: str
) -> None:
    expected = saved.scores(QUERIES, PAGES)

    for query, scores in zip(QUERIES, expected, strict=True):
        found = client.rerank(query, list(map(Image, PAGES)), method="late_interaction", space=space)
        assert [int(one.id) for one in found.results] == (-scores).argsort().tolist()


def test_token_numbers_of_a_query_are_refused_with_the_reason(client: Client) -> None:
    found = client.encode(TokenIds([5, 6]), space="pages-query")

    assert "sent as text" in str(found.errors[0])
