"""What becomes of texts that are longer than a space reads. "words-a" reads eight words, "words-b" all."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from answer.conftest import Platform
from support.present import present
from support.queries import words
from support.requests import answered, retrieval
from tieback.answer.ingesting import drafts
from tieback.answer.ingesting.splitting import Splitting
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Unavailable
from tieback.core.text.pieces import pieces
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.encoding import SplitPiece, SplitReply, SplitTextsRequest
from tieback.core.types.ingestion import IngestResult
from tieback.core.types.retrieval import RetrieveReply, RetrieveRequest
from tieback_contract.encodings import Truncated
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing

STORY = "The lamp was lit at dusk. Ships saw it far off. Nobody knew who lit it. The keeper was gone."


def section(data: str, name: str = "1", **about: Any) -> Section:
    return Section(name, Content(Modality.TEXT, data), **about)


async def stored(
    platform: Platform, *sections: Section, name: str = "a"
) -> tuple[IngestResult, Sequence[Section]]:
    (result,) = (await platform.ingest("library", [Item(name, sections)])).results
    assert result.error is None
    return result, (await platform.index.get_item("library", name)).sections


def text_of(one: Section) -> str:
    data = present(one.content).data
    assert isinstance(data, str)
    return data


async def test_every_space_reads_all_of_a_long_text(platform: Platform) -> None:
    result, sections = await stored(platform, section(STORY))

    assert result.truncated_sections == 0
    assert result.truncated == {}
    assert all(len(text_of(one).split()) <= 8 for one in sections)
    hits = (await platform.answerer.retrieve(retrieval("library", [words("keeper was gone")], limit=1))).hits
    assert "The keeper was gone." in hits[0].hit.text


WINDOWS = {"wide": 12, "narrow": 5}


class WordSpaces:
    """Spaces that count words and differ in how many they read."""

    async def split_texts(self, request: SplitTextsRequest, _: Call) -> SplitReply:
        space, texts = request.space, request.texts
        room = request.max_tokens or WINDOWS[space]
        results = []
        for text in texts:
            starts = np.array([word.start() for word in re.finditer(r"\S+", text)])
            spans = pieces(text, starts, room, 0.0)
            results.append([SplitPiece(span, len(text[slice(*span)].split())) for span in spans])
        return SplitReply(results, WINDOWS[space], Timing())


async def test_the_first_text_of_a_server_is_split_as_every_later_one() -> None:
    spaces: Any = WordSpaces()
    splitting = Splitting(spaces, Limits())
    item = Item("a", [section(STORY)])

    first, second = [await splitting.split([item], ["wide", "narrow"], Deadline.after(60)) for _ in "12"]

    assert len(second.items[0].sections) > 1
    assert first.items == second.items


async def test_pieces_are_named_after_their_section_and_keep_its_title_and_address(
    platform: Platform,
) -> None:
    result, sections = await stored(
        platform,
        section("short", "1"),
        section(STORY, "2.1", title="Dusk", uri="file:a"),
        section(STORY, "3"),
    )

    assert [one.id for one in sections] == ["1", "2.1", "2.1-2", "2.1-3", "2.1-4", "3", "3-2", "3-3", "3-4"]
    assert {(one.title, one.uri) for one in sections[1:5]} == {("Dusk", "file:a")}
    assert (result.split_sections, result.added_sections) == (2, 6)


@pytest.mark.parametrize("place", ["app.log#L", "a.xlsx#sheet=Pumps&row="])
async def test_pieces_of_a_text_whose_address_names_a_line_name_their_own(
    platform: Platform, place: str
) -> None:
    log = "".join(f"{number} pump ok and pressure is normal\n" for number in range(1, 9))

    _, sections = await stored(
        platform, section(log, "1", uri=f"file:{place}101"), section(STORY, "2", uri="file:b#line=3")
    )

    begun = [one for one in sections if one.id.startswith("1")]
    assert len(begun) > 1
    for one in begun:
        assert one.uri == f"file:{place}{100 + int(text_of(one).split()[0])}"
    assert {one.uri for one in sections if one.id.startswith("2")} == {"file:b#line=3"}


async def test_the_names_of_pieces_avoid_names_that_are_taken(platform: Platform) -> None:
    _, sections = await stored(platform, section(STORY, "a"), section("x", "a-2"), section("y", "a-4"))

    assert [one.id for one in sections] == ["a", "a-3", "a-5", "a-6", "a-2", "a-4"]


async def test_the_longest_name_has_pieces_too(platform: Platform) -> None:
    _, sections = await stored(platform, section(STORY, "ü" * 256))

    assert len({one.id for one in sections}) == 4
    assert all(len(one.id.encode()) <= 512 for one in sections)


async def test_spans_lead_back_to_the_original(platform: Platform) -> None:
    original = f"# Ü\n{STORY}\nend".encode()
    begin = original.index(b"The lamp")

    _, sections = await stored(platform, section(STORY, span=(begin, begin + len(STORY.encode()))))

    for one in sections:
        assert original[slice(*present(one.span))].decode() == text_of(one)
    text, end = "", begin
    for one in sections:  # as docs/indexing.md says
        text += original[end : present(one.span)[1]].decode()
        end = present(one.span)[1]
    assert text == STORY


async def test_without_a_span_the_pieces_have_those_within_the_text(platform: Platform) -> None:
    _, sections = await stored(platform, section(STORY), section("short", "2"))

    assert "".join(STORY[slice(*present(one.span))] for one in sections[:-1]) == STORY
    assert sections[-1].span is None


async def test_a_wrong_span_is_refused_by_its_field_in_the_request(platform: Platform) -> None:
    items = [Item("a", [section(STORY, "1"), section(STORY, "2", span=(0, 5))]), Item("b", [section("x")])]

    refused, good = (await platform.ingest("library", items)).results

    assert isinstance(refused.error, InvalidInput)
    assert str(refused.error.field) == "items[0].sections[1].span"
    assert good.error is None


async def test_errors_name_sections_as_they_were_sent(platform: Platform) -> None:
    long_title = section("x", "2", title="t" * 5000)

    (result,) = (await platform.ingest("library", [Item("a", [section(STORY), long_title])])).results

    assert str(present(result.error).field) == "items[0].sections[1].title"


async def test_a_text_that_needs_too_many_sections_is_refused_with_the_limit(platform: Platform) -> None:
    items = [Item("a", [section(STORY * 40)]), Item("b", [section("x")])]

    refused, good = (await platform.ingest("library", items)).results

    assert isinstance(refused.error, InvalidInput)
    assert str(refused.error.field) == "items[0].sections"
    assert "the limit is 64" in refused.error.message
    assert good.error is None


async def test_sections_whose_pieces_fill_more_than_one_answer_are_asked_about_in_parts(
    platform: Platform,
) -> None:
    platform.encoder.most_pieces = 5
    items = [Item("a", [section(STORY, "1"), section(STORY, "2")]), Item("b", [section(STORY * 2)])]

    whole, refused = (await platform.ingest("library", items)).results

    assert whole.error is None
    assert len((await platform.index.get_item("library", "a")).sections) == 8
    assert isinstance(refused.error, InvalidInput)
    assert str(refused.error.field) == "items[1].sections[0].content"


async def test_a_space_that_cannot_say_where_to_cut_fails_the_call(platform: Platform) -> None:
    platform.encoder.down["words-a"] = Unavailable("words-a is restarting")

    with pytest.raises(Unavailable, match="words-a"):
        await platform.ingest("library", [Item("a", [section(STORY)])])


async def test_the_deadline_holds_for_splitting(platform: Platform) -> None:
    with pytest.raises(DeadlineExceeded):
        await platform.ingest("library", [Item("a", [section(STORY)])], call=Call(Deadline.after(0)))


async def test_a_text_is_asked_about_only_where_it_may_be_too_long(platform: Platform) -> None:
    await stored(platform, section(STORY), name="first")  # from now on the windows are known
    platform.encoder.cut.clear()

    await stored(platform, section("a b"), section("a b c d e f", "2"), name="second")

    assert platform.encoder.cut == [("words-a", ["a b c d e f"])]


async def test_a_long_query_is_read_as_far_as_each_space_reads_and_what_is_left_out_is_told(
    platform: Platform,
) -> None:
    await stored(platform, section("the lamp was lit at dusk"))

    async def found(text: str) -> RetrieveReply:
        return await platform.answerer.retrieve(ask(text))

    long, short = await found(STORY), await found("lamp")

    assert long.truncated == {"words-a": Truncated(1, 12, 8)}
    assert not long.routing.degraded
    assert short.truncated == {}


async def test_many_sections_are_written_in_steps_and_every_item_whole(platform: Platform) -> None:
    long = "The lamp was lit at dusk by one. " * 60  # some sixty sections
    items = [Item(str(n), [section(long)]) for n in range(8)]

    async def count(most: int) -> int:
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr(drafts, "TOGETHER", most)
            reply = await platform.ingest("library", items)
        assert [(one.id, one.error) for one in reply.results] == [(str(n), None) for n in range(8)]
        return [stage.name for stage in reply.timing.stages].count("upsert")

    assert await count(1024) == 1
    assert await count(150) == 4
    assert await count(1) == 8
    assert (await platform.index.get_collection("library")).item_count == 8


async def test_every_part_of_a_long_text_leaves_room_for_its_heading(platform: Platform) -> None:
    result, sections = await stored(platform, section(STORY, title="Of dusk and lamps"))

    assert all(len(text_of(one).split()) <= 4 for one in sections)
    assert "".join(STORY[slice(*present(one.span))] for one in sections) == STORY
    assert (result.truncated, result.truncated_sections) == ({}, 0)


async def test_the_first_part_needs_no_heading_where_it_begins_with_it_and_the_others_have_one(
    platform: Platform,
) -> None:
    result, sections = await stored(platform, section(STORY, title="The lamp"))

    assert text_of(sections[0]).startswith("The lamp was")
    assert all(len(text_of(one).split()) <= 6 for one in sections[1:])
    assert result.truncated == {}


def ask(text: str, **how: Any) -> RetrieveRequest:
    return retrieval("library", [words(text)], **how)


async def test_the_pieces_of_a_text_are_one_hit_unless_every_piece_is_asked_for(platform: Platform) -> None:
    await stored(platform, section(STORY))
    await stored(platform, section("A lamp was lit."), section("Ships were far off.", "1-2"), name="b")

    found = await platform.answerer.retrieve(ask("ships saw the lamp"))
    every = await platform.answerer.retrieve(ask("ships saw the lamp", collapse_pieces=False))

    assert sorted((one.hit.item_id, len(one.hit.pieces)) for one in found.hits) == [
        ("a", 3),
        ("b", 0),
        ("b", 0),
    ]
    assert (found.plan.options.collapse_pieces, every.plan.options.collapse_pieces) == (True, False)
    assert len(every.hits) == 6
    assert not any(one.hit.pieces for one in every.hits)


async def test_a_reranker_sees_different_texts(platform: Platform) -> None:
    await stored(platform, section(STORY))
    await stored(platform, section("A lamp was lit."), name="b")

    reranked = await platform.answerer.retrieve(
        ask("the keeper was gone", reranker=MethodChoice("late_interaction"), candidates=2, limit=2)
    )

    assert sorted(one.hit.item_id for one in reranked.hits) == ["a", "b"]
    assert all(one.rerank_score is not None for one in reranked.hits)


async def test_what_continues_nothing_is_refused_by_its_field(platform: Platform) -> None:
    wrong = Item("a", [section("first", continues=True)])

    (result,) = (await platform.ingest("library", [wrong])).results

    assert isinstance(result.error, InvalidInput)
    assert str(result.error.field) == "items[0].sections[0].continues"


async def test_an_answer_rests_on_every_piece_unless_it_is_told_otherwise(platform: Platform) -> None:
    await stored(platform, section(STORY))

    async def found(**how: Any) -> RetrieveReply:
        reply, *_ = [one async for one in answered(platform.answerer, ask("who lit the lamp", **how))]
        assert isinstance(reply, RetrieveReply)
        return reply

    every, collapsed = await found(), await found(collapse_pieces=True)

    assert (len(every.hits), every.plan.options.collapse_pieces) == (4, False)
    assert (len(collapsed.hits), collapsed.plan.options.collapse_pieces) == (1, True)
