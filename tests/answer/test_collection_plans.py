"""A collection's plan of queries: followed where a query says nothing, left out where it does not fit."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from answer.conftest import Platform
from hypothesis import given
from hypothesis import strategies as st
from support.queries import photo, words
from support.requests import answered, retrieval
from tieback.answer.plan import DEFAULT_PLAN, check_known, checked_plan, with_plan
from tieback.core.errors import InvalidInput, NotFound, Unsupported
from tieback.core.types.retrieval import QueryPart, RetrieveReply
from tieback.query_stages.checks import check_plan
from tieback.query_stages.stage import NO_MODELS, Models
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity, QueryOptions

LATE = MethodChoice("late_interaction")
ROCCHIO = MethodChoice("rocchio", {"agreement": 0})
ALONE = MethodChoice("none")


async def retrieved(library: Platform, plan: QueryOptions, *query: QueryPart, **asked: Any) -> RetrieveReply:
    await library.index.update_collection("library", plan)
    return await library.answerer.retrieve(retrieval("library", query or [words("moon")], **asked))


async def test_a_query_that_says_nothing_is_answered_by_the_plan_of_its_collection(library: Platform) -> None:
    plan = QueryOptions(
        rank_fusion=MethodChoice("standard_scores"), reranker=LATE, candidates=12, query_expansion=ROCCHIO
    )
    reply = await retrieved(library, plan)

    assert reply.plan.options.reranker == LATE
    assert reply.plan.options.rank_fusion == MethodChoice("standard_scores")
    assert (reply.plan.options.candidates, reply.plan.options.query_expansion) == (12, ROCCHIO)
    assert reply.hits[0].rerank_score is not None


async def test_what_a_query_says_itself_wins(library: Platform) -> None:
    plan = QueryOptions(reranker=LATE, collapse_pieces=False, query_expansion=ROCCHIO)
    said: dict[str, Any] = {"reranker": ALONE, "collapse_pieces": True, "query_expansion": ALONE}
    reply = await retrieved(library, plan, **said)

    assert reply.plan.options.reranker == reply.plan.options.query_expansion == ALONE
    assert reply.plan.options.collapse_pieces


async def test_a_query_can_turn_the_plans_diversity_off(library: Platform) -> None:
    plan = QueryOptions(diversity=0.5, hits_per_item=1)

    assert (await retrieved(library, plan)).plan.options.diversity == 0.5
    plain = (await retrieved(library, plan, diversity=0.0, hits_per_item=0)).plan
    assert (plain.options.diversity, plain.options.hits_per_item) == (0, 0)


async def test_an_answer_follows_the_plan_too(library: Platform) -> None:
    await library.index.update_collection("library", QueryOptions(granularity=Granularity.DOCUMENT))
    stream = answered(library.answerer, retrieval("library", [words("moon")]))
    (found, *_) = [event async for event in stream]

    assert isinstance(found, RetrieveReply)
    assert found.plan.options.granularity is Granularity.DOCUMENT


async def test_a_photo_is_searched_for_where_others_are_by_words_alone(
    library: Platform,
) -> None:
    plan = QueryOptions(vector_search=ALONE)

    assert (await retrieved(library, plan)).plan.options.vector_search == ALONE
    seen = await retrieved(library, plan, photo(200, 0, 0))
    assert seen.plan.options.vector_search == MethodChoice("nearest")


def test_a_reranker_that_the_server_does_not_have_any_more_is_named_with_the_way_out() -> None:
    plan = QueryOptions(reranker=MethodChoice("gone"))

    with pytest.raises(Unsupported, match="reranker 'gone', which this server does not have") as refused:
        check_known("library", plan, Models(["there"], ""))

    assert "tieback collections set library" in str(refused.value)


def test_a_reranker_that_the_server_never_had_is_not_kept() -> None:
    check_plan(QueryOptions(reranker=MethodChoice("there")), Models(["there"]))
    with pytest.raises(NotFound, match=r"late_interaction, none.*there"):
        check_plan(QueryOptions(reranker=MethodChoice("gone")), Models(["there"]))


def test_a_learned_ranking_that_the_server_does_not_have_is_named() -> None:
    plan = QueryOptions(ranker=MethodChoice("linear"))

    with pytest.raises(Unsupported, match=r"ranker 'linear'.*its ranker is none"):
        check_known("library", plan, Models((), ""))


FIELDS: dict[str, Sequence[Any]] = {
    "hybrid": (None, True, False),
    "balance_modalities": (None, True, False),
    "rank_fusion": (None, MethodChoice("standard_scores")),
    "reranker": (None, ALONE, LATE),
    "collapse_pieces": (None, True, False),
    "query_expansion": (None, ALONE, ROCCHIO),
    "diversity": (None, 0.5),
    "hits_per_item": (None, 2),
    "granularity": (None, *Granularity),
    "vector_search": (None, ALONE, MethodChoice("exact")),
}
CHOICES = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in FIELDS.items()})


@given(asked=CHOICES, chosen=CHOICES, photographed=st.booleans())
def test_no_plan_that_is_kept_makes_a_query_wrong_that_is_right_without_it(
    asked: dict[str, Any], chosen: dict[str, Any], photographed: bool
) -> None:
    plan = QueryOptions(**{name: value for name, value in chosen.items() if value is not None})
    request = retrieval("library", [photo(200, 0, 0) if photographed else words("moon")], **asked)
    try:
        check_plan(plan)
        checked_plan(request, Limits(), DEFAULT_PLAN, NO_MODELS)
    except InvalidInput:
        return

    both = with_plan(request, plan)
    found = checked_plan(both, Limits(), DEFAULT_PLAN, NO_MODELS)

    for name, value in asked.items():
        assert value is None or getattr(both.options, name) == value
    assert found.options.reranker == (both.options.reranker or ALONE)
    assert dataclasses.replace(both, options=request.options) == request
