import dataclasses

import pytest
from support.colours import png
from tieback.answer import Answerer
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Unsupported
from tieback.core.types.content import Content, Item, Modality, Section
from tieback.core.types.generation import Finish, TextDelta
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.retrieval import QueryPart, Retrieval, RetrieveReply


def question(text="what is hot"):
    return Retrieval("library", [QueryPart(Content(Modality.TEXT, text))])


@pytest.fixture
async def library(platform):
    await platform.answerer.ingest(
        "library",
        [
            Item("pages", [Section("a", Content(Modality.TEXT, "coffee is hot"), "On coffee")]),
            Item("photos", [Section("b", Content(Modality.IMAGE, png(250, 0, 0)))], "A rose"),
            Item("more", [Section("c", Content(Modality.TEXT, "the moon is cold"))]),
        ],
    )
    return platform


async def events_of(stream):
    return [event async for event in stream]


async def test_an_answer_begins_with_what_was_found_and_ends_with_a_finish(library):
    events = await events_of(library.answerer.answer(question()))

    assert isinstance(events[0], RetrieveReply)
    assert all(isinstance(event, TextDelta) for event in events[1:-1])
    assert isinstance(events[-1], Finish)
    assert "".join(event.text for event in events[1:-1]) == "coffee is hot "
    assert library.generator.prompts == ["what is hot"]


async def test_evidence_is_numbered_in_the_order_of_the_hits_and_keeps_its_source(library):
    events = await events_of(library.answerer.answer(question()))

    hits = events[0].hits
    for evidence in library.generator.evidence:
        hit = hits[int(evidence.id) - 1].hit
        assert (evidence.item_id, evidence.section_id) == (hit.item_id, hit.section_id)
    first = library.generator.evidence[0]
    assert (first.id, first.text, first.title) == ("1", "coffee is hot", "On coffee")
    assert first.score == hits[0].search_score


async def test_where_the_passages_were_reranked_evidence_has_the_rerankers_score(library):
    reranked = dataclasses.replace(question(), reranker=MethodChoice("late_interaction"))

    events = await events_of(library.answerer.answer(reranked))

    assert library.generator.evidence[0].score == events[0].hits[0].rerank_score


async def test_a_picture_is_evidence_by_its_title_and_what_it_shows(library):
    await events_of(library.answerer.answer(question("red rose")))

    texts = {evidence.modality: evidence.text for evidence in library.generator.evidence}
    assert texts[Modality.IMAGE] == "A picture of A rose: red"


async def test_no_more_evidence_is_given_than_asked_for(library):
    await events_of(library.answerer.answer(question(), evidence_limit=1))

    assert len(library.generator.evidence) == 1


async def test_the_finish_counts_from_the_arrival_of_the_question_and_names_every_step(library):
    events = await events_of(library.answerer.answer(question()))

    finish = events[-1]
    assert [stage.name for stage in finish.timing.stages][-3:] == ["fuse", "search", "generate"]
    assert finish.timing.total >= events[0].timing.total
    assert finish.first_token > 0.25 + events[0].timing.total * 0.5
    assert finish.timing.compute == 0.5


async def test_a_query_without_words_is_found_and_not_answered(library):
    photo = Retrieval("library", [QueryPart(Content(Modality.IMAGE, png(250, 0, 0)))])

    events = await events_of(library.answerer.answer(photo))

    assert len(events) == 1
    assert events[0].hits[0].hit.item_id == "photos"
    assert not library.generator.prompts


async def test_a_caller_that_leaves_in_the_middle_frees_the_generator(library):
    stream = library.answerer.answer(question())

    async for event in stream:
        if isinstance(event, TextDelta):
            break
    await stream.aclose()

    assert library.generator.left


async def test_the_generator_gets_less_time_than_the_caller_gave(library):
    deadline = Deadline.after(30)

    await events_of(library.answerer.answer(question(), deadline=deadline))

    assert library.generator.deadline.at < deadline.at


async def test_retrieval_leaves_time_to_write(library):
    library.encoder.slow["words-b"] = 30

    events = await events_of(library.answerer.answer(question(), deadline=Deadline.after(1.0)))

    assert events[0].timing.total < 0.6
    assert isinstance(events[-1], Finish)


async def test_an_answer_is_not_begun_after_the_deadline(library):
    with pytest.raises(DeadlineExceeded):
        await events_of(library.answerer.answer(question(), deadline=Deadline.after(0)))


async def test_without_a_generator_a_question_is_unsupported_before_any_work(library):
    mute = Answerer(
        spaces={Modality.TEXT: ("words-a",)},
        encoder=library.encoder,
        index=library.index,
        reranker=None,
    )
    library.encoder.asked.clear()

    with pytest.raises(Unsupported, match="no model that writes"):
        await events_of(mute.answer(question()))

    assert not library.encoder.asked


async def test_a_negative_limit_of_evidence_is_refused(library):
    with pytest.raises(InvalidInput) as refusal:
        await events_of(library.answerer.answer(question(), evidence_limit=-1))

    assert str(refusal.value.field) == "evidence_limit"


async def test_what_is_wrong_with_the_query_is_told_as_a_part_of_the_answers_request(library):
    with pytest.raises(InvalidInput) as refusal:
        await events_of(library.answerer.answer(Retrieval("library", [])))

    assert str(refusal.value.field) == "retrieval.query"
