"""Feedback, diversity and hits per item as choices of a query, and what its plan says of them."""

from typing import Any

import pytest
from answer.conftest import Platform
from support.queries import words
from support.requests import retrieval
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.retrieval import RetrieveReply, RetrieveRequest
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

ROCCHIO = MethodChoice("rocchio", {"documents": 2, "agreement": 0})


def ask(text: str, **how: Any) -> RetrieveRequest:
    return retrieval("library", [words(text)], **how)


def found(reply: RetrieveReply) -> list[str]:
    return [hit.hit.item_id for hit in reply.hits]


@pytest.fixture
async def library(platform: Platform) -> Platform:
    texts = {
        "tide": ["tide moon gravity", "tide moon lunar"],
        "ocean": ["lunar gravity ocean"],
        "bread": ["bread oven flour"],
        "cup": ["coffee cup saucer"],
    }
    items = [
        Item(name, [Section(str(n), Content(Modality.TEXT, text)) for n, text in enumerate(parts)], name)
        for name, parts in texts.items()
    ]
    await platform.ingest("library", items)
    return platform


async def test_feedback_finds_words_that_the_query_does_not_have_and_the_plan_names_the_method(
    library: Platform,
) -> None:
    plain = await library.answerer.retrieve(ask("tide"))
    expanded = await library.answerer.retrieve(ask("tide", query_expansion=ROCCHIO))

    assert (plain.plan.options.query_expansion, expanded.plan.options.query_expansion) == (
        MethodChoice("none"),
        ROCCHIO,
    )
    (ocean,) = [hit.hit for hit in expanded.hits if hit.hit.item_id == "ocean"]
    (before,) = [hit.hit for hit in plain.hits if hit.hit.item_id == "ocean"]
    assert ocean.score > before.score
    assert ocean.words_matched is None
    assert ocean.vector_score == pytest.approx(before.vector_score, abs=1e-6)


async def test_the_plan_says_none_where_the_guard_left_the_query_as_it_was(library: Platform) -> None:
    """Nothing has the word, so vectors and words agree in nothing."""
    plain = await library.answerer.retrieve(ask("unheard"))
    guarded = await library.answerer.retrieve(ask("unheard", query_expansion=MethodChoice("rocchio")))

    assert guarded.plan.options.query_expansion == MethodChoice("none")
    assert found(guarded) == found(plain)


async def test_an_item_has_as_many_hits_as_asked_for_and_the_plan_says_so(library: Platform) -> None:
    every = await library.answerer.retrieve(ask("tide moon", limit=3))
    one = await library.answerer.retrieve(ask("tide moon", limit=3, hits_per_item=1))

    assert found(every)[:2] == ["tide", "tide"]
    assert sorted(set(found(one))) == sorted(found(one))
    assert len(one.hits) == 3
    assert (every.plan.options.hits_per_item, one.plan.options.hits_per_item) == (
        3,
        1,
    )  # of few hits three may be of one item


async def test_reranked_hits_have_as_many_of_an_item_too(library: Platform) -> None:
    reply = await library.answerer.retrieve(
        ask("tide moon", hits_per_item=1, reranker=MethodChoice("late_interaction"))
    )

    assert any(hit.rerank_score is not None for hit in reply.hits)
    assert sorted(set(found(reply))) == sorted(found(reply))


async def test_diversity_reaches_the_search_and_keeps_its_order(library: Platform) -> None:
    plain = await library.answerer.retrieve(ask("tide moon", limit=2))
    diverse = await library.answerer.retrieve(ask("tide moon", limit=2, diversity=1))

    assert found(plain) == ["tide", "tide"]
    assert found(diverse)[0] == "tide"
    assert found(diverse)[1] != "tide"
    assert (plain.plan.options.diversity, diverse.plan.options.diversity) == (0, 1)
    assert [hit.search_rank for hit in diverse.hits] == [0, 1]


@pytest.mark.parametrize(
    ("how", "field"),
    [
        (
            {"query_expansion": MethodChoice("rocchio", {"weight": -1})},
            "options.query_expansion.parameters.weight",
        ),
        ({"diversity": 2.0}, "options.diversity"),
        ({"diversity": 0.5, "reranker": MethodChoice("late_interaction")}, "options.diversity"),
        ({"hits_per_item": 5000}, "options.hits_per_item"),
    ],
)
async def test_what_the_plan_cannot_use_is_refused_with_the_field(
    library: Platform, how: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await library.answerer.retrieve(ask("tide", **how))

    assert str(refusal.value.field) == field


async def test_an_unknown_method_is_refused_before_anything_is_encoded(library: Platform) -> None:
    library.encoder.asked.clear()

    with pytest.raises(NotFound) as refusal:
        await library.answerer.retrieve(ask("tide", query_expansion=MethodChoice("magic")))

    assert "rocchio" in refusal.value.choices
    assert library.encoder.asked == []
