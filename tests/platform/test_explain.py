"""An explanation of a search by real encoders, over the wire: its steps account for the call."""

from __future__ import annotations

from statistics import median

import pytest
from tieback_client import Client, Item, Section, Timing

LEAST = 0.95
TEXTS = [
    *("Coffee is brewed from roasted seeds.", "The lighthouse was built in 1873.", "Cats sleep for hours."),
    *("The rocket first flew in 1967.", "The moon pulls the sea towards it.", "Bread is baked at night."),
]


@pytest.fixture(scope="module")
def library(client: Client) -> str:
    items = [Item(id=str(n), sections=[Section(text, id="1")]) for n, text in enumerate(TEXTS)]
    client.ingest("explained", items).collect()
    return "explained"


def share(timing: Timing) -> float:
    """Of the server's time, what is within a step; spaces encode side by side."""
    whole = sorted((one.begin, one.begin + one.seconds) for one in timing.stages if not one.within)
    inside, reached = 0.0, 0.0
    for begin, end in whole:
        inside += max(end - max(begin, reached), 0.0)
        reached = max(reached, end)
    return inside / timing.total


def test_the_steps_of_a_retrieval_add_up_to_the_call(client: Client, library: str) -> None:
    replies = [
        client.retrieve(library, f"what was built in {year}?", query_expansion="rocchio", explain=True)
        for year in range(1870, 1879)
    ]

    assert median(share(reply.timing) for reply in replies) >= LEAST
    names = [stage.name for stage in replies[0].timing.stages if not stage.within]
    assert names[:2] == ["plan", "collection"]
    assert names[-3:] == ["fuse", "search", "final"]
    parts = [stage for stage in replies[0].timing.stages if stage.within == "search"]
    assert {"queue", "vector_search", "word_search", "merge"} <= {stage.name for stage in parts}
    (search,) = [stage for stage in replies[0].timing.stages if stage.name == "search"]
    assert sum(stage.seconds for stage in parts) <= search.seconds
    last = replies[0].hits[0].hit.stages[-1]
    assert (last.stage, last.rank, last.kept) == ("final", 0, "relevant")


def test_the_steps_of_a_search_add_up_to_the_call(client: Client, library: str) -> None:
    vector = client.fuse([[client.encode("tides", space="all-minilm-l6-v2")[0]]])[0]
    replies = [client.search(library, vector=vector, text="the sea", explain=True) for _ in range(9)]

    assert median(share(reply.timing) for reply in replies) >= LEAST


def test_explained_hits_are_those_of_the_same_search_without(client: Client, library: str) -> None:
    told = client.retrieve(library, "the sea and the moon", explain=True)
    plain = client.retrieve(library, "the sea and the moon")

    assert [one.hit.item_id for one in told.hits] == [one.hit.item_id for one in plain.hits]
    assert not any(one.hit.stages for one in plain.hits)
    assert not any(stage.dropped or stage.within for stage in plain.timing.stages)
