"""What a query chooses for the search by vectors: none, what is similar enough, or a wanted recall."""

from typing import Any

import pytest
from answer.conftest import Platform
from support.each import each
from support.present import present
from support.queries import photo, words
from support.requests import retrieval
from tieback.core.errors import InvalidInput
from tieback.core.types.fusion import Routing
from tieback.ports import DEFAULT_RANK_FUSION
from tieback_contract.method_choice import MethodChoice


async def test_words_alone_are_searched_for_without_encoding_anything(library: Platform) -> None:
    how = MethodChoice("none")
    reply = await library.answerer.retrieve(retrieval("library", [words("moon")], vector_search=how))

    assert [hit.hit.item_id for hit in reply.hits] == ["moon"]
    assert library.encoder.asked == []
    assert reply.plan.options.vector_search == how
    assert (reply.plan.options.rank_fusion, reply.plan.options.balance_modalities) == (None, False)
    assert (reply.routing.policy, reply.routing.degraded) == ("full_text", False)
    assert reply.hits[0].hit.vector_score is None


async def test_what_words_alone_found_is_reranked(library: Platform) -> None:
    how: dict[str, Any] = {
        "vector_search": MethodChoice("none"),
        "reranker": MethodChoice("late_interaction"),
    }
    reply = await library.answerer.retrieve(retrieval("library", [words("the moon")], **how))

    assert reply.hits[0].rerank_score is not None


async def test_only_what_is_similar_enough_is_found_also_by_words(library: Platform) -> None:
    plain = await library.answerer.retrieve(retrieval("library", [words("moon at night")]))
    least = present(plain.hits[0].hit.vector_score) - 1e-3
    how = MethodChoice("within", {"similarity": least})
    reply = await library.answerer.retrieve(retrieval("library", [words("moon at night")], vector_search=how))

    assert [hit.hit.item_id for hit in reply.hits] == ["moon"]
    assert reply.plan.options.vector_search == how


async def test_the_plan_says_what_a_wanted_recall_chose(library: Platform) -> None:
    how = MethodChoice("wanted_recall", {"recall": 0.9})
    reply = await library.answerer.retrieve(retrieval("library", [words("moon")], vector_search=how))

    assert reply.plan.options.vector_search == MethodChoice("coarse_to_fine", {"breadth": 1.0})
    assert reply.plan.expected_recall == 1


@each(
    "asked, field",
    [
        ({"hybrid": False, "rank_fusion": DEFAULT_RANK_FUSION}, "options.rank_fusion"),
        ({"vector_search": MethodChoice("none"), "rank_fusion": DEFAULT_RANK_FUSION}, "options.rank_fusion"),
        ({"vector_search": MethodChoice("none"), "hybrid": False}, "options.hybrid"),
        ({"vector_search": MethodChoice("none"), "balance_modalities": True}, "options.balance_modalities"),
        ({"vector_search": MethodChoice("none"), "routing": Routing("uniform")}, "routing"),
        ({"vector_search": MethodChoice("within", {"least": 1})}, "options.vector_search.parameters.least"),
    ],
)
async def test_an_option_that_the_searches_do_not_use_is_refused(
    library: Platform, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await library.answerer.retrieve(retrieval("library", [words("moon")], **asked))

    assert str(refused.value.field) == field


async def test_a_photo_cannot_be_searched_for_by_words_alone(library: Platform) -> None:
    how = MethodChoice("none")
    with pytest.raises(InvalidInput) as refused:
        await library.answerer.retrieve(retrieval("library", [photo(250, 10, 10)], vector_search=how))

    assert str(refused.value.field) == "options.vector_search"
