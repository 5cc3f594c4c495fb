import dataclasses
from typing import Any

import pytest
from answer.conftest import Platform
from support.present import present
from support.queries import photo, words
from support.requests import retrieval
from tieback.answer.plan import DEFAULT_PLAN
from tieback.answer.relevance import relevance_of
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.fusion import JOINT_SPACE
from tieback.core.types.retrieval import QueryPart, RetrieveRequest
from tieback_contract.hits import Hit
from tieback_contract.modality import Modality

HIT = Hit("a", "", "1", "", Modality.TEXT, "", "", {}, 0.5, 0.5)


@pytest.fixture
async def documentation(platform: Platform) -> Platform:
    texts = ["the interpreter reads modules", "lists hold values", "coffee is hot and dark"]
    await platform.ingest(
        "library", [Item(text, [Section("1", Content(Modality.TEXT, text))]) for text in texts]
    )
    return platform


def ask(*query: QueryPart, **how: Any) -> RetrieveRequest:
    return retrieval("library", query, **how)


async def test_a_photo_that_nothing_is_written_about_finds_documentation_below_the_floor_alone(
    documentation: Platform,
) -> None:
    reply = await documentation.answerer.retrieve(ask(photo(10, 250, 10)))

    assert reply.hits
    assert all(hit.below_floor for hit in reply.hits)
    assert all(present(hit.relevance) < reply.plan.relevance_floor for hit in reply.hits)


async def test_what_bears_on_the_query_is_above_the_floor(documentation: Platform) -> None:
    reply = await documentation.answerer.retrieve(ask(words("hot coffee")))

    assert reply.hits[0].hit.item_id == "coffee is hot and dark"
    assert not reply.hits[0].below_floor
    assert 0.3 < present(reply.hits[0].relevance) < 1
    assert reply.hits[-1].below_floor


async def test_hits_of_less_relevance_than_is_asked_for_are_left_out(documentation: Platform) -> None:
    every = await documentation.answerer.retrieve(ask(words("hot coffee")))
    some = await documentation.answerer.retrieve(ask(words("hot coffee"), min_relevance=0.3))
    none = await documentation.answerer.retrieve(ask(photo(10, 250, 10), min_relevance=0.3))

    assert [hit.hit.item_id for hit in some.hits] == [
        hit.hit.item_id for hit in every.hits if present(hit.relevance) >= 0.3
    ]
    assert 0 < len(some.hits) < len(every.hits)
    assert not none.hits


async def test_further_pieces_of_a_hit_are_judged_as_hits_are(platform: Platform) -> None:
    text = "We drink hot coffee at noon. Ships saw it far off. Nobody knew who lit the lamp."
    section = Section("1", Content(Modality.TEXT, text))
    await platform.ingest("library", [Item("log", [section])])

    reply = await platform.answerer.retrieve(ask(words("hot coffee")))
    some = await platform.answerer.retrieve(ask(words("hot coffee"), min_relevance=0.1))
    nonsense = await platform.answerer.retrieve(ask(words("xqzzy blorp")))

    (found,) = reply.hits
    assert "hot coffee" in found.hit.text
    assert not found.below_floor
    assert len(found.hit.pieces) >= 1
    assert all(one.below_floor and present(one.relevance) < 0.08 for one in found.hit.pieces)
    assert [(one.hit.text, one.hit.pieces) for one in some.hits] == [(found.hit.text, [])]
    assert all(hit.below_floor for hit in nonsense.hits)
    assert all(one.below_floor for hit in nonsense.hits for one in hit.hit.pieces)


async def test_a_relevance_beyond_one_is_refused(documentation: Platform) -> None:
    with pytest.raises(InvalidInput) as raised:
        await documentation.answerer.retrieve(ask(words("coffee"), min_relevance=1.5))

    assert str(raised.value.field) == "options.min_relevance"


def test_relevance_grows_with_the_similarity_and_with_the_words_and_stays_within_0_and_1() -> None:
    by_similarity = [
        present(relevance_of(dataclasses.replace(HIT, vector_score=value), JOINT_SPACE))
        for value in (-1e9, 0, 0.5, 1e9)
    ]
    by_words = [
        present(relevance_of(dataclasses.replace(HIT, words_matched=value), JOINT_SPACE))
        for value in (0, 0.5, 1)
    ]

    assert by_similarity == sorted(by_similarity)
    assert by_words == sorted(by_words)
    assert 0 <= by_similarity[0] < by_similarity[-1] <= 1


@pytest.mark.parametrize("similarity", [-0.4, 0.0, 0.2])
def test_what_has_all_words_of_a_query_is_above_the_floor_whatever_its_similarity(similarity: float) -> None:
    hit = dataclasses.replace(HIT, vector_score=similarity, text_score=0.3, words_matched=1.0)

    assert present(relevance_of(hit, JOINT_SPACE)) > DEFAULT_PLAN.relevance_floor


async def test_a_section_whose_heading_is_the_query_is_not_called_unrelated(platform: Platform) -> None:
    text = "we only allow one version and refuse all others"
    section = Section("1", Content(Modality.TEXT, text), title="Cipher suites")
    await platform.ingest("library", [Item("security", [section])])

    hit = (await platform.answerer.retrieve(ask(words("cipher suites")))).hits[0]

    assert hit.hit.words_matched == pytest.approx(1)
    assert not hit.below_floor


def test_nothing_is_said_of_a_space_that_was_not_calibrated() -> None:
    assert relevance_of(HIT, "all-minilm-l6-v2") is None
    assert relevance_of(dataclasses.replace(HIT, vector_score=None), JOINT_SPACE) is None
    assert DEFAULT_PLAN.relevance_floor > 0
