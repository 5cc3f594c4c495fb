"""Retrieval by documents: what the plan says, what a reranker orders, and what an answer rests on."""

from typing import Any

import pytest
from answer.conftest import Platform
from support.explained import stages_of
from support.queries import words
from support.requests import answered, retrieval
from tieback.answer.evidence import evidence_of
from tieback.answer.stages.order import ranked_documents, sections_of
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.retrieval import RetrieveReply, RetrieveRequest
from tieback_contract.hits import Hit, Reranked
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity

LATE = MethodChoice("late_interaction")


def ask(text: str, **how: Any) -> RetrieveRequest:
    how.setdefault("granularity", Granularity.DOCUMENT)
    return retrieval("library", [words(text)], **how)


def found(reply: RetrieveReply) -> list[str]:
    return [hit.hit.item_id for hit in reply.hits]


def hit(item: str, section: str, score: float, *sections: Hit) -> Hit:
    return Hit(item, "", section, "", Modality.TEXT, f"{item} {section}", "", {}, score, sections=sections)


@pytest.fixture
async def library(platform: Platform) -> Platform:
    texts = {
        "tide": ["tide moon gravity", "tide moon lunar", "bread oven"],
        "ocean": ["lunar gravity ocean"],
        "bread": ["bread oven flour", "oven"],
        "cup": ["coffee cup saucer"],
    }
    items = [
        Item(name, [Section(str(n), Content(Modality.TEXT, text)) for n, text in enumerate(parts)], name)
        for name, parts in texts.items()
    ]
    await platform.ingest("library", items)
    return platform


async def test_an_item_is_one_hit_with_its_other_sections_beside_it(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask("tide moon", limit=2))

    first = reply.hits[0]
    assert len(found(reply)) == len(set(found(reply))) == 2
    assert (first.hit.item_id, first.search_rank, first.search_score) == ("tide", 0, first.hit.score)
    assert {first.hit.section_id, *(one.hit.section_id for one in first.sections)} == {"0", "1", "2"}
    assert first.sections[-1].hit.section_id == "2"
    assert not first.hit.sections


async def test_the_plan_says_what_was_ranked_and_that_nothing_was_collapsed(library: Platform) -> None:
    documents = await library.answerer.retrieve(ask("tide"))
    plain = await library.answerer.retrieve(ask("tide", granularity=None))

    assert (documents.plan.options.granularity, documents.plan.options.collapse_pieces) == (
        Granularity.DOCUMENT,
        False,
    )
    assert (plain.plan.options.granularity, plain.plan.options.collapse_pieces) == (Granularity.SECTION, True)


async def test_a_reranker_compares_the_sections_of_the_documents_that_are_found(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask("oven", limit=2, reranker=LATE))

    assert reply.plan.options.candidates == 2
    for one in reply.hits:
        assert one.rerank_score is not None
        assert all(beside.rerank_score is not None for beside in one.sections)
        assert all(one.hit.score >= beside.hit.score for beside in one.sections)
        assert all(one.rerank_score >= (beside.rerank_score or 0) for beside in one.sections)


def test_the_reranker_chooses_the_section_and_both_scores_the_order() -> None:
    hits = [
        hit("a", "1", 0.9, hit("a", "2", 0.5), hit("a", "3", 0.4)),
        hit("b", "1", 0.8, hit("b", "2", 0.7)),
        hit("c", "1", 0.1),
    ]
    scores = {"a 1": 0.1, "a 2": 0.3, "a 3": 0.2, "b 1": 0.2, "b 2": 0.9, "c 1": 0.3}
    places = {place: one.text for place, one in enumerate(sections_of(hits))}
    reranked = {place: Reranked(str(place), 0, scores[text], 0) for place, text in places.items()}

    ranked = ranked_documents(hits, reranked, 2)

    assert [(one.hit.item_id, one.hit.section_id, one.search_rank) for one in ranked] == [
        ("b", "2", 1),
        ("a", "2", 0),
    ]
    assert [one.search_score for one in ranked] == [0.8, 0.9]
    assert [[beside.hit.section_id for beside in one.sections] for one in ranked] == [["1"], ["3", "1"]]


def test_without_a_reranker_the_search_decides() -> None:
    hits = [hit("a", "1", 0.9, hit("a", "2", 0.5)), hit("b", "1", 0.8), hit("c", "1", 0.1)]

    ranked = ranked_documents(hits, {}, 2)

    assert [(one.hit.item_id, one.search_rank) for one in ranked] == [("a", 0), ("b", 1)]
    assert [(one.hit.section_id, one.search_score) for one in ranked[0].sections] == [("2", 0.5)]


@pytest.mark.parametrize("how", [{}, {"reranker": LATE}, {"diversity": 0.5}, {"min_relevance": 0.1}], ids=str)
async def test_what_is_found_does_not_depend_on_whether_it_is_explained(
    library: Platform, how: dict[str, Any]
) -> None:
    plain = await library.answerer.retrieve(ask("tide moon", limit=2, **how))
    explained = await library.answerer.retrieve(ask("tide moon", limit=2, explain=True, **how))

    def seen(reply: RetrieveReply) -> list[Any]:
        return [
            (
                one.hit.item_id,
                one.hit.section_id,
                one.hit.score,
                [beside.hit.section_id for beside in one.sections],
            )
            for one in reply.hits
        ]

    assert seen(explained) == seen(plain)
    assert all(stages_of(explained.steps, place) for place in range(len(explained.hits)))


async def test_an_answer_reads_sections_of_the_documents_found_and_can_cite_each(library: Platform) -> None:
    stream = answered(library.answerer, ask("tide moon bread"))
    (reply, *_) = [event async for event in stream]

    assert isinstance(reply, RetrieveReply)
    assert reply.plan.options.granularity is Granularity.DOCUMENT
    named = {"1": reply.hits[0], "1.2": reply.hits[0].sections[0], "2": reply.hits[1]}
    read = {one.id: one for one in library.generator.evidence}
    assert named.keys() <= read.keys()
    assert all(read[name].text == found.hit.text for name, found in named.items())


async def test_evidence_is_the_two_best_sections_of_each_document(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask("tide moon bread"))

    evidence = evidence_of(reply.hits, 5)

    tide, bread, third = reply.hits[:3]
    assert {tide.hit.item_id, bread.hit.item_id} == {"tide", "bread"}
    wanted = [tide, tide.sections[0], bread, bread.sections[0], third]
    assert [one.id for one in evidence] == ["1", "1.2", "2", "2.2", "3"]
    assert [(one.item_id, one.section_id) for one in evidence] == [
        (one.hit.item_id, one.hit.section_id) for one in wanted
    ]


@pytest.mark.parametrize(
    ("how", "field"),
    [({"collapse_pieces": True}, "options.collapse_pieces"), ({"hits_per_item": 1}, "options.hits_per_item")],
)
async def test_what_a_search_by_documents_does_not_use_is_refused(
    library: Platform, how: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await library.answerer.retrieve(ask("tide", **how))

    assert str(refusal.value.field) == field
