import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from answer.conftest import Platform
from support.colours import png
from support.queries import photo, words
from support.requests import answered, retrieval
from tieback.answer import Answerer, PipelineParts
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Unsupported
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.retrieval import RetrieveReply, RetrieveRequest
from tieback_contract.answers import Finish, GenerationEvent, RewrittenQuestion, TextDelta
from tieback_contract.generation import ChatMessage, ChatRole
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import QueryOptions


def question(text: str = "what is hot") -> RetrieveRequest:
    return retrieval("library", [words(text)])


@pytest.fixture
async def library(platform: Platform) -> Platform:
    await platform.ingest(
        "library",
        [
            Item("pages", [Section("a", Content(Modality.TEXT, "coffee is hot"), "On coffee")]),
            Item("photos", [Section("b", Content(Modality.IMAGE, png(250, 0, 0)))], "A rose"),
            Item("more", [Section("c", Content(Modality.TEXT, "the moon is cold"))]),
        ],
    )
    return platform


async def events_of(
    stream: AsyncIterator[RetrieveReply | GenerationEvent],
) -> list[RetrieveReply | GenerationEvent]:
    return [event async for event in stream]


def found(events: list[RetrieveReply | GenerationEvent]) -> RetrieveReply:
    first = events[0]
    assert isinstance(first, RetrieveReply)
    return first


async def test_an_answer_begins_with_what_was_found_and_ends_with_a_finish(library: Platform) -> None:
    events = await events_of(answered(library.answerer, question()))

    assert isinstance(events[0], RetrieveReply)
    assert isinstance(events[-1], Finish)
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(texts) == len(events) - 2
    assert "".join(texts) == "coffee is hot "
    assert library.generator.prompts == ["what is hot"]


async def test_a_follow_up_question_is_searched_for_and_answered_as_rewritten(library: Platform) -> None:
    talk = [ChatMessage(ChatRole.USER, "is Coffee dark"), ChatMessage(ChatRole.ASSISTANT, "yes")]
    asked = dataclasses.replace(question("is it hot"), query=[words("is it hot"), photo(250, 0, 0)])

    rewritten, reply, *_ = await events_of(answered(library.answerer, asked, history=talk))

    assert rewritten == RewrittenQuestion("is it hot (Coffee)")
    assert isinstance(reply, RetrieveReply)
    assert {hit.hit.item_id for hit in reply.hits[:2]} == {"pages", "photos"}
    assert library.generator.prompts == ["is it hot (Coffee)"]
    seen = dataclasses.replace(asked, query=[photo(250, 0, 0)])
    assert len(await events_of(answered(library.answerer, seen, history=talk))) == 1
    assert isinstance(
        (await events_of(answered(library.answerer, question("moon and grass and sky"), history=talk)))[0],
        RetrieveReply,
    )


async def test_evidence_is_numbered_in_the_order_of_the_hits_and_keeps_its_source(library: Platform) -> None:
    events = await events_of(answered(library.answerer, question()))

    hits = found(events).hits
    for evidence in library.generator.evidence:
        hit = hits[int(evidence.id) - 1].hit
        assert (evidence.item_id, evidence.section_id) == (hit.item_id, hit.section_id)
    first = library.generator.evidence[0]
    assert (first.id, first.text, first.title) == ("1", "coffee is hot", "On coffee")
    assert first.score == hits[0].search_score


async def test_where_the_passages_were_reranked_evidence_has_the_rerankers_score(library: Platform) -> None:
    reranked = dataclasses.replace(
        question(), options=QueryOptions(reranker=MethodChoice("late_interaction"))
    )

    events = await events_of(answered(library.answerer, reranked))

    assert library.generator.evidence[0].score == found(events).hits[0].rerank_score


async def test_a_picture_is_evidence_by_its_title_and_what_it_shows(library: Platform) -> None:
    await events_of(answered(library.answerer, question("red rose")))

    texts = {evidence.modality: evidence.text for evidence in library.generator.evidence}
    assert texts[Modality.IMAGE] == "A picture of A rose: red"


async def test_no_more_evidence_is_given_than_asked_for(library: Platform) -> None:
    await events_of(answered(library.answerer, question(), evidence_limit=1))

    assert len(library.generator.evidence) == 1


async def test_the_finish_counts_from_the_arrival_of_the_question_and_names_every_step(
    library: Platform,
) -> None:
    events = await events_of(answered(library.answerer, question()))

    before, finish = found(events).timing.total, events[-1]
    assert isinstance(finish, Finish)
    assert [stage.name for stage in finish.timing.stages][-4:] == ["fuse", "search", "final", "generate"]
    assert finish.timing.total >= before
    assert finish.first_token > 0.25 + before * 0.5
    assert finish.timing.compute == 0.5


async def test_a_query_without_words_is_found_and_not_answered(library: Platform) -> None:
    events = await events_of(answered(library.answerer, retrieval("library", [photo(250, 0, 0)])))

    assert len(events) == 1
    assert found(events).hits[0].hit.item_id == "photos"
    assert not library.generator.prompts


async def test_a_caller_that_leaves_in_the_middle_frees_the_generator(library: Platform) -> None:
    stream = answered(library.answerer, question())

    async for event in stream:
        if isinstance(event, TextDelta):
            break
    assert isinstance(stream, AsyncGenerator)
    await stream.aclose()

    assert library.generator.left


async def test_the_generator_gets_less_time_than_the_caller_gave(library: Platform) -> None:
    deadline = Deadline.after(30)

    await events_of(answered(library.answerer, question(), deadline=deadline))

    assert library.generator.deadline.at < deadline.at


async def test_retrieval_leaves_time_to_write(library: Platform) -> None:
    library.encoder.slow["words-b"] = 30

    events = await events_of(answered(library.answerer, question(), deadline=Deadline.after(1.0)))

    assert found(events).timing.total < 0.6
    assert isinstance(events[-1], Finish)


async def test_an_answer_is_not_begun_after_the_deadline(library: Platform) -> None:
    with pytest.raises(DeadlineExceeded):
        await events_of(answered(library.answerer, question(), deadline=Deadline.after(0)))


async def test_without_a_generator_a_question_is_unsupported_before_any_work(library: Platform) -> None:
    mute = Answerer(
        PipelineParts(
            spaces={Modality.TEXT: ("words-a",)},
            encoder=library.encoder,
            index=library.index,
            reranker=None,
        )
    )
    library.encoder.asked.clear()

    with pytest.raises(Unsupported, match="no space of texts"):
        await events_of(answered(mute, question()))

    assert not library.encoder.asked


async def test_a_negative_limit_of_evidence_is_refused(library: Platform) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await events_of(answered(library.answerer, question(), evidence_limit=-1))

    assert str(refusal.value.field) == "evidence_limit"


async def test_what_is_wrong_with_the_query_is_told_as_a_part_of_the_answers_request(
    library: Platform,
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await events_of(answered(library.answerer, retrieval("library", [])))

    assert str(refusal.value.field) == "retrieval.query"
