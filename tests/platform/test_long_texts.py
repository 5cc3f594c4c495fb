"""Long texts over the wire, with the real models: nothing is left unread, and all can be led back."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.present import present
from tieback.v1 import encoder_pb2, encoder_pb2_grpc
from tieback_client import Client, InvalidArgument, Item, NotFound, Section
from tieback_client.messages.writing_items import sections as sections_of

ROOT = Path(__file__).parents[2]
WINDOWS = {"all-minilm-l6-v2": 254, "paraphrase-minilm-l3-v2": 126, "wordllama-256": 8192}
LONG_WORD = "pneumono" * 5_000


PUT_TOGETHER = re.search(
    r"put together like this:\n\n```python\n(.*?)```", (ROOT / "docs/indexing.md").read_text("utf-8"), re.S
)


def whole(item: Item) -> str:
    """The text of an item of one original, by the lines of docs/indexing.md."""
    assert PUT_TOGETHER is not None
    names: dict[str, Any] = {"item": item}
    exec(PUT_TOGETHER[1], names)
    text: bytes = names["text"]
    return text.decode()


@pytest.mark.all
def test_no_file_of_the_documentation_and_the_library_has_an_end_that_is_not_read(client: Client) -> None:
    files = [
        path
        for folder in ("docs", "examples/library")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".md", ".txt")
    ]
    sections = [one for path in files for one in sections_of(Item.from_file(path))]
    pieces = [
        piece for one in sections for piece in client.split(str(one.content), space="paraphrase-minilm-l3-v2")
    ]

    assert len(pieces) > len(sections) > 100
    assert max(piece.token_count for piece in pieces) <= WINDOWS["paraphrase-minilm-l3-v2"]
    longest = sorted(files, key=lambda path: path.stat().st_size)[-3:]
    report = client.ingest("long", [Item.from_file(path) for path in longest]).collect()
    assert (report.truncated_sections, report.truncated) == (0, {})
    assert report.split_sections > 0
    for path in longest:
        data = path.read_bytes()
        for one in sections_of(client.get("long", path.name)):
            assert data[slice(*present(one.span))].decode() == one.content


def test_a_citation_leads_back_to_the_bytes_of_the_original(client: Client) -> None:
    text = (
        "Ünd so weiter, sagte er. " * 60 + "The lamp was lit by Ada Lovelace in 1842. " + "Und so fort. " * 60
    )
    client.ingest("cited", [Item.from_text("log", text)]).collect()

    hit = client.retrieve("cited", "Who lit the lamp?", limit=1).hits[0].hit

    assert "Ada Lovelace" in hit.text
    assert text.encode()[slice(*present(hit.span))].decode() == hit.text


def test_a_short_text_is_one_hit_and_a_long_one_is_found_at_several_places(client: Client) -> None:
    """A page of some hundred words, sections of a page by their headings, and a whole manual as one text."""
    page = "The lamp of the tower was lit at dusk, and its keeper wrote it into the log. " * 15
    manual = (ROOT / "docs/operations.md").read_text("utf-8")
    headed = Item(
        "headed", [Section(f"The keeper lit lamp {n} of the tower.", id=f"1-{n}") for n in range(2, 5)]
    )
    client.ingest(
        "places", [Item.from_text("page", page), headed, Item.from_text("manual", manual)]
    ).collect()
    assert 1 < len(sections_of(client.get("places", "page"))) <= 8

    lamps = client.retrieve("places", "Who lit the lamp of the tower?", limit=6).hits
    every = client.retrieve("places", "Who lit the lamp of the tower?", limit=6, collapse_pieces=False).hits
    places = [one.hit for one in client.retrieve("places", "settings of the server and its cache").hits]

    assert sorted(one.hit.item_id for one in lamps[:4]) == ["headed", "headed", "headed", "page"]
    (found,) = [one.hit for one in lamps if one.hit.item_id == "page"]
    assert found.pieces
    places_of = [(found.span, found.text), *((piece.span, piece.text) for piece in found.pieces)]
    assert all(page.encode()[slice(*present(span))].decode() == words for span, words in places_of)
    assert sum(one.hit.item_id == "page" for one in every) > 1
    assert not any(one.hit.pieces for one in every)
    assert len(places) == 10
    assert len({hit.section_id for hit in places if hit.item_id == "manual"}) >= 5
    words = client.search("places", text="lamp tower", collapse_pieces=True).hits
    assert [hit.item_id for hit in words].count("page") == 1


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧‍👦🇩🇪👍🏽" * 400,
        unicodedata.normalize("NFD", "Über naïve café déjà vu, ǖǘǚ. ") * 150,
        "שלום עולם. مرحبا بالعالم، كيف الحال؟ " * 150,
        LONG_WORD,
        f"before {LONG_WORD} after",
        "İSTANBUL ﷺ ½ ㍿ ﬃ. " * 300,
        "one\r\ntwo\r\n\r\nthree " * 400,
        "光は海を渡る。" * 500,
        "x" * 1_000_000,
    ],
    ids=[
        "emoji",
        "combining marks",
        "right to left",
        "one long word",
        "a long word among others",
        "characters that change their length",
        "carriage returns",
        "Japanese",
        "a megabyte without spaces",
    ],
)
def test_all_of_a_hostile_text_is_read_by_every_space(client: Client, text: str) -> None:
    report = client.ingest("hostile", [Item.from_text("a", text)]).collect()

    assert report.truncated == {}
    assert report.added_sections > 0
    assert whole(client.get("hostile", "a")) == text


@pytest.mark.parametrize("gap", [" ", "\n", "\u200b", "\t \u00a0"])
def test_a_gap_that_fills_a_window_is_in_no_section_and_costs_nothing_else(client: Client, gap: str) -> None:
    text = f"The lamp was lit.{gap * 100_000}The keeper was gone."

    report = client.ingest("gaps", [Item.from_text("a", text)]).collect()

    assert report.errors == {}
    assert report.truncated == {}
    sections = sections_of(client.get("gaps", "a"))
    assert str(sections[0].content).startswith("The lamp was lit.")
    assert str(sections[-1].content).endswith("The keeper was gone.")
    assert all(text.encode()[slice(*present(one.span))].decode() == one.content for one in sections)


@pytest.mark.parametrize("text", ["", " ", "\r\n\t"])
def test_a_text_of_nothing_fails_alone(client: Client, text: str) -> None:
    good, bad = Item.from_text("good", "The lamp was lit."), Item.from_text("bad", text)

    report = client.ingest("nothing", [bad, good]).collect()

    assert report.written == 1
    assert list(report.errors) == ["bad"]


@pytest.mark.parametrize("space", WINDOWS)
def test_any_text_is_split_for_a_space_on_request(client: Client, space: str) -> None:
    text = "The keeper wrote of ships. He had seen many of them, and never one like this. " * 10

    pieces = client.split(text, space=space, max_tokens=40, overlap=0.4)

    assert max(piece.token_count for piece in pieces) <= 40
    assert pieces[1].span[0] < pieces[0].span[1]
    assert all(text.encode()[slice(*piece.span)].decode() == piece.text for piece in pieces)


def test_what_cannot_be_split_is_refused_with_the_field(client: Client, local_channel: grpc.Channel) -> None:
    with pytest.raises(InvalidArgument, match="reads 126 tokens"):
        client.split("a", space="paraphrase-minilm-l3-v2", max_tokens=500)
    with pytest.raises(InvalidArgument, match="does not take text"):
        client.split("a", space="yamnet")
    with pytest.raises(NotFound):
        client.split("a", space="nowhere")
    request = encoder_pb2.SplitTextsRequest(space="wordllama-256", texts=["fine", "a\0b"])
    reply = encoder_pb2_grpc.EncoderServiceStub(local_channel).SplitTexts(request)
    assert reply.window == 8192
    assert reply.results[0].pieces.pieces[0].span.end_byte == 4
    assert reply.results[1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_a_long_text_can_be_refused_or_cut_off_instead(client: Client) -> None:
    long = Item("a", [Section("The keeper wrote of ships. " * 60)])

    refused = client.ingest("choices", [long, Item("b", "short")], long_texts="refuse").collect()
    cut = client.ingest("choices", [long], long_texts="truncate").collect()

    assert re.search("reads (126|254)", refused.errors["a"].message)
    assert refused.written == 1
    assert set(cut.truncated) == {"all-minilm-l6-v2", "paraphrase-minilm-l3-v2"}
    assert cut.truncated_sections == 1
    with pytest.raises(InvalidArgument, match="split, truncate, refuse"):
        client.ingest("choices", [long], long_texts="shrink").collect()  # type: ignore[arg-type]  # a mistake
