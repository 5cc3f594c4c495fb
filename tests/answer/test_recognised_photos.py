"""Photos with writing: read when they are ingested, found by it, and cited by its place."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from answer.conftest import Platform
from support.bar_reader import BarReader, bars, card
from support.present import present
from support.queries import words
from support.requests import retrieval
from tieback.answer.evidence import evidence_of
from tieback.core.call import Call
from tieback.core.errors import InvalidInput
from tieback.core.recognised import region_of
from tieback.core.types.content import Content, Item, RecogniseReply, RecogniseRequest, Section
from tieback.core.types.ingestion import IngestRequest
from tieback.recogniser import Recogniser
from tieback_contract.hits import RetrievedHit
from tieback_contract.modality import Modality

BARS = (20, 30)


def photo(name: str, *widths: int) -> Item:
    return Item(name, [Section("1", Content(Modality.IMAGE, bars(*widths)))], "Bars")


@pytest.fixture
async def reading(platform: Platform, tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "reader").mkdir()
    recogniser = Recogniser([BarReader(card(tmp_path / "reader"))])
    answerer = platform.rebuilt(recogniser=recogniser, recognised=frozenset({Modality.IMAGE}))
    yield dataclasses.replace(platform, answerer=answerer)
    await recogniser.close()


async def found(platform: Platform, query: str) -> Sequence[RetrievedHit]:
    return (await platform.answerer.retrieve(retrieval("library", [words(query)]))).hits


async def test_a_photo_is_found_by_what_is_written_in_it_and_stays_a_photo(reading: Platform) -> None:
    await reading.answerer.ingest(IngestRequest("library", [photo("a", *BARS), photo("b", 40), photo("c")]))

    best = (await found(reading, "30"))[0].hit

    assert (best.item_id, best.modality) == ("a", Modality.IMAGE)
    assert best.text.endswith(".\n\n20 30")
    assert best.text.startswith("Bars: ")
    encoded = best.text.encode()
    assert [encoded[slice(*one.span)] for one in best.segments] == [b"20", b"30"]
    assert (await reading.index.get_item("library", "c")).sections[0].segments == ()


async def test_evidence_of_a_photo_says_where_each_part_of_it_is(reading: Platform) -> None:
    await reading.answerer.ingest(IngestRequest("library", [photo("a", *BARS)]))

    [passage] = evidence_of(await found(reading, "30"), 4)

    begin = passage.text.encode().index(b"30")
    assert passage.text.startswith("Bars: ")
    assert present(region_of(passage.segments, (begin, begin + 2)))[0] == pytest.approx(40 / 80)


async def test_a_photo_that_cannot_be_read_is_refused_once_and_the_others_are_written(
    reading: Platform,
) -> None:
    broken = Item("broken", [Section("1", Content(Modality.IMAGE, b"no picture"))])

    reply = await reading.answerer.ingest(IngestRequest("library", [broken, photo("a", *BARS)]))

    errors = [result.error for result in reply.results]
    assert isinstance(errors[0], InvalidInput)
    assert str(errors[0].field) == "items[0].sections[0].content.image"
    assert errors[1] is None
    assert "recognise" in [stage.name for stage in reply.timing.stages]


class Away:
    """A recogniser that is asked and should not be."""

    async def recognise(self, request: RecogniseRequest, call: Call) -> RecogniseReply:
        raise AssertionError("texts are not recognised")


async def test_texts_are_not_sent_to_the_recogniser(platform: Platform) -> None:
    answerer = platform.rebuilt(recogniser=Away(), recognised=frozenset({Modality.IMAGE, Modality.AUDIO}))

    reply = await answerer.ingest(
        IngestRequest("library", [Item("a", [Section("1", Content(Modality.TEXT, "twenty"))])])
    )

    assert reply.results[0].error is None
