"""Answers and writes as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from tieback_client import (
    AbstentionReason,
    AsyncClient,
    Cancelled,
    Citation,
    Claim,
    Client,
    DeadlineExceeded,
    Evidence,
    Finish,
    FinishReason,
    Grounding,
    Image,
    InvalidArgument,
    Item,
    Locators,
    MultiVector,
    RetrievalEvent,
    SamplingParameters,
    Section,
    SpaceRef,
    TextDelta,
    Vector,
    Verdict,
    VerdictLabel,
)
from tieback_client.messages.writing_items import sections

SPACE = SpaceRef("tiny", "r1", "f1")

REGIONS = MultiVector(np.ones((2, 8), np.float32), SPACE, Locators.boxes([(0, 0, 0.5, 1), (0.5, 0, 0.5, 1)]))


def test_an_answer_streams_typed_events_and_skips_those_of_a_newer_contract(client: Client) -> None:
    events = list(client.answer("notes", "What moves the sea?"))

    assert [type(one) for one in events] == [
        RetrievalEvent,
        TextDelta,
        TextDelta,
        Claim,
        Citation,
        Verdict,
        Finish,
    ]


def test_an_answer_is_put_together_from_its_events(client: Client) -> None:
    answer = client.answer("notes", "What moves the sea?").collect()

    assert answer.text == "The moon moves it."
    assert answer.supported
    claim = answer.claims[0]
    assert answer.text.encode()[slice(*claim.span)].decode() == claim.text
    citation = answer.citations_of(claim)[0]
    assert answer.retrieval is not None
    passage = answer.retrieval.hits[int(citation.evidence_id) - 1].hit
    assert citation.span is not None
    assert passage.text.encode()[slice(*citation.span)] == b"The moon pulls the sea towards it,"
    assert answer.verdicts[1].label is VerdictLabel.SUPPORTED
    assert answer.is_complete
    assert answer.finish is not None
    assert answer.finish.first_token == 0.0012
    assert answer.call.method == "Answer"


async def test_the_asynchronous_answer_is_the_same(aclient: AsyncClient, client: Client) -> None:
    ours = await aclient.answer("notes", "What moves the sea?").collect()

    theirs = client.answer("notes", "What moves the sea?").collect()
    assert (ours.text, ours.claims, ours.finish) == (theirs.text, theirs.claims, theirs.finish)


def test_an_abstention_is_plain(client: Client) -> None:
    answer = client.answer("notes", "unanswerable").collect()

    assert answer.text == ""
    assert answer.abstention is not None
    assert answer.abstention.reason is AbstentionReason.WEAK_EVIDENCE
    assert not answer.supported
    assert answer.finish is not None
    assert answer.finish.reason is FinishReason.ABSTAINED


def test_generation_takes_texts_as_evidence_and_all_options(client: Client) -> None:
    answer = client.generate(
        "Why?",
        ["a passage", Evidence("another", id="b")],
        sampling=SamplingParameters(
            max_tokens=5, seed=1, stop=["."], strategy=("context_aware", {"alpha": 0.5})
        ),
        grounding=Grounding(checker="overlap", abstain_below=0.2),
    ).collect()

    assert answer.claims


def test_leaving_a_stream_early_ends_the_servers_work(client: Client, served: Any) -> None:
    with client.generate("for ever") as stream:
        for _, _ in zip(stream, range(3), strict=False):
            pass

    assert served.log.cancelled.wait(5)
    assert stream.answer.text.startswith("and and and")


def test_a_stream_can_be_cancelled_from_elsewhere(client: Client, served: Any) -> None:
    stream = client.generate("for ever")
    next(stream)

    stream.cancel()

    with pytest.raises(Cancelled):
        stream.collect()
    assert served.log.cancelled.wait(5)


async def test_leaving_an_asynchronous_stream_early_ends_the_servers_work(
    aclient: AsyncClient, served: Any
) -> None:
    async with aclient.generate("for ever") as stream:
        async for _ in stream:
            break

    assert await asyncio.to_thread(served.log.cancelled.wait, 5)


async def test_a_cancelled_task_ends_the_servers_work(aclient: AsyncClient, served: Any) -> None:
    task = asyncio.create_task(aclient.generate("for ever").collect())
    await asyncio.sleep(0.2)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(served.log.cancelled.wait, 5)


def test_a_stream_ends_at_its_deadline_and_what_came_before_is_kept_as_incomplete(client: Client) -> None:
    begin = time.monotonic()
    stream = client.generate("for ever", timeout=0.3)

    with pytest.raises(DeadlineExceeded):
        stream.collect()

    assert stream.answer.text.startswith("and and and")
    assert not stream.answer.is_complete
    assert time.monotonic() - begin < 2


def test_writes_draw_items_only_as_there_is_room_for_them(client: Client) -> None:
    drawn: list[int] = []

    def items() -> Iterator[Item]:
        for i in range(100):
            drawn.append(i)
            yield Item(f"{i}", "words")

    writes = client.ingest("notes", items(), batch=2, in_flight=3)
    assert drawn == []
    next(writes)

    assert len(drawn) <= 3 * 2
    writes.close()


def test_refused_items_are_told_and_the_others_are_written(client: Client) -> None:
    items = [Item("good", "words"), Item("bad", Image(b"not a picture")), Item("fine", ["one", "two"])]

    report = client.ingest("notes", items).collect()

    assert (report.written, list(report.errors)) == (2, ["bad"])
    assert "is it damaged" in str(report.errors["bad"])
    assert [len(sections(one)) for one in client.items("notes")] == [2, 1]


def test_an_empty_picture_fails_its_own_item_alone(client: Client) -> None:
    items = [Item("good", "words"), Item("empty", Image(b"")), Item("fine", "more words")]

    report = client.ingest("notes", items).collect()

    assert (report.written, list(report.errors)) == (2, ["empty"])


def test_an_id_that_is_written_twice_counts_as_one_item(client: Client) -> None:
    items = [Item(name, "words") for name in ("a", "b", "a", "a")]

    together = client.ingest("notes", items).collect()
    one_by_one = client.ingest("notes", items, batch=1).collect()

    assert (together.written, one_by_one.written) == (2, 2)
    assert [one.id for one in client.items("notes")] == ["a", "b"]


def test_a_fault_of_an_item_or_of_its_source_reaches_the_caller(client: Client) -> None:
    def broken() -> Iterator[Item]:
        yield Item("a", "words")
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        client.ingest("notes", broken()).collect()
    with pytest.raises(InvalidArgument) as caught:
        client.ingest("notes", [Item("a", "words"), Item("b", "\ud800")]).collect()
    assert caught.value.field == "items[1].sections[0].content.text"


def test_items_with_vectors_are_upserted_and_read_back(client: Client) -> None:
    vector = Vector(np.ones(8, np.float32), SPACE)
    client.create_collection("notes", "tiny")
    given = [
        Section("words", id="1", vector=vector),
        Section(Image(b"x"), vector=vector, search_text="a cat"),
    ]

    report = client.upsert(
        "notes", [Item("a", given, title="A", metadata={"year": 1990, "draft": False})]
    ).collect()

    assert report.written == 1
    item = client.get("notes", "a")
    assert (item.title, item.metadata) == ("A", {"year": 1990, "draft": False})
    assert [one.content for one in sections(item)] == ["words", None]
    assert client.delete("notes", ["a", "b"]) == 1


def test_a_picture_is_upserted_with_the_vectors_of_its_regions(client: Client, served: Any) -> None:
    vector = Vector(np.ones(8, np.float32), SPACE)
    section = Section(Image(b"x"), vector=vector, search_text="a cat", regions=REGIONS)

    client.upsert("notes", [Item("a", section)]).collect()

    (sent,) = served.log.upserted
    (known,) = sent.sections
    assert (known.regions.space.name, list(known.regions.values.shape)) == (SPACE.name, [2, 8])
    boxes = known.regions.boxes
    assert (list(boxes.xs), list(boxes.ys)) == ([0, 0.5], [0, 0])
    assert (list(boxes.widths), list(boxes.heights)) == ([0.5, 0.5], [1, 1])


def test_ingesting_vectors_and_upserting_without_are_refused_with_the_way_out(client: Client) -> None:
    vector = Vector(np.ones(8, np.float32), SPACE)
    no_whole = Section(Image(b"x"), regions=REGIONS)

    with pytest.raises(InvalidArgument, match="use upsert"):
        client.ingest("notes", [Item("a", Section("words", vector=vector))]).collect()
    with pytest.raises(InvalidArgument, match="use ingest"):
        client.upsert("notes", [Item("a", "words")]).collect()
    with pytest.raises(InvalidArgument, match="use upsert") as refused:
        client.ingest("notes", [Item("a", no_whole)]).collect()
    assert refused.value.field == "items[0].sections[0].regions"
    with pytest.raises(InvalidArgument) as refused:
        client.upsert("notes", [Item("a", no_whole)]).collect()
    assert refused.value.field == "items[0].sections[0].vector"


async def test_asynchronous_items_are_taken(aclient: AsyncClient) -> None:
    async def items() -> AsyncIterator[Item]:
        for i in range(5):
            yield Item(f"{i}", "words")

    report = await aclient.ingest("notes", items(), batch=2).collect()

    assert report.written == 5
    assert [one.id async for one in aclient.items("notes", page_size=2)] == list("01234")


def test_lists_are_read_page_after_page_as_they_are_needed(client: Client, served: Any) -> None:
    for name in "abcde":
        client.create_collection(name, SPACE, width=8)

    pages = client.collections(page_size=2)
    assert [next(pages).name, next(pages).name] == ["a", "b"]
    assert served.log.calls.count("ListCollections") == 1

    assert [one.name for one in pages] == ["c", "d", "e"]
    assert served.log.calls.count("ListCollections") == 3


def test_a_search_and_the_catalog_are_typed(client: Client) -> None:
    result = client.search("notes", vector=Vector(np.ones(8, np.float32), SPACE), text="moon")

    assert (result.hits[0].metadata["year"], result.hits[0].text_score) == (1687, None)
    assert client.space("tiny").widths == [4, 8]
    assert client.models()[0].context_tokens == 2048
    assert client.methods()[0].schema["properties"]["pairs"]["default"] == 5
    assert client.server_info().limits.batch_items == 64
    assert client.health() == "serving"
    assert client.health("tieback.v1.GeneratorService") == "not_serving"


def test_a_collection_made_from_a_spaces_name_has_its_width(client: Client) -> None:
    made = client.create_collection("notes", "tiny")

    assert (made.space, made.width) == (SPACE, 8)
    assert made.created is not None
    assert made.created.year == 2023
    assert client.get_collection("notes") == made
    client.delete_collection("notes")
    assert list(client.collections()) == []
