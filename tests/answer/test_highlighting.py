"""Sentences of retrieved hits, by words and by vectors."""

from typing import Any

import pytest
from answer.conftest import Platform
from support.queries import photo, words
from support.requests import retrieval
from tieback.core.errors import InvalidInput, Unavailable
from tieback.core.types.content import Content, Item, Section
from tieback_contract.hits import RetrievedHit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

TEXT = "🐈 cats sleep. the moon shines. the moon is old. grass is green."


@pytest.fixture
async def notes(platform: Platform) -> Platform:
    section = Section("0", Content(Modality.TEXT, TEXT))
    await platform.ingest("notes", [Item("note", [section], "note")])
    platform.encoder.asked.clear()
    return platform


async def first(platform: Platform, query: Any, most: int, **how: Any) -> RetrievedHit:
    reply = await platform.answerer.retrieve(retrieval("notes", [query], highlights=most, **how))
    return reply.hits[0]


def sentences(one: RetrievedHit) -> list[str]:
    return [one.hit.text.encode()[slice(*part.span)].decode() for part in one.hit.highlights]


@pytest.mark.parametrize("ranker", ["none", "linear"])
async def test_words_choose_the_sentence_and_no_vectors_are_made(notes: Platform, ranker: str) -> None:
    found = await first(notes, words("moon shines"), 4, ranker=MethodChoice(ranker))

    assert sentences(found) == ["the moon shines."]
    assert found.hit.highlights[0].words == pytest.approx(1)
    assert found.hit.highlights[0].similarity is None
    assert [count for space, count in notes.encoder.asked if space == "words-a"] == [1]


async def test_vectors_choose_where_words_are_not_searched_for(notes: Platform) -> None:
    found = await first(notes, words("moon shines"), 4, hybrid=False)

    assert sentences(found)[0] == "the moon shines."
    similarities = [one.similarity or 0 for one in found.hit.highlights]
    assert similarities == sorted(similarities, reverse=True)
    assert {one.words for one in found.hit.highlights} == {0}


async def test_a_hit_has_none_while_the_encoder_is_away(notes: Platform) -> None:
    notes.encoder.down["words-a"] = Unavailable("away")

    assert not (await first(notes, words("moon shines"), 1, hybrid=False)).hit.highlights
    assert sentences(await first(notes, words("moon shines"), 1)) == ["the moon shines."]


async def test_nothing_is_encoded_where_no_highlights_are_asked_for(notes: Platform) -> None:
    found = await first(notes, words("moon"), 0, vector_search=MethodChoice("none"))

    assert not found.hit.highlights
    assert not notes.encoder.asked


async def test_a_query_without_words_is_refused(notes: Platform) -> None:
    with pytest.raises(InvalidInput, match="no words") as refusal:
        await first(notes, photo(250, 10, 10), 1)

    assert str(refusal.value.field) == "options.highlights"
