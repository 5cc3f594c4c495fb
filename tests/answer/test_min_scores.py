from typing import Any

import pytest
from answer.conftest import Platform
from support.present import present
from support.queries import words
from support.requests import retrieval
from tieback.core.errors import InvalidInput
from tieback.core.types.retrieval import RetrieveReply
from tieback_contract.method_choice import MethodChoice

LATE = MethodChoice("late_interaction")


async def found(library: Platform, **asked: Any) -> RetrieveReply:
    return await library.answerer.retrieve(retrieval("library", [words("dark coffee")], **asked))


async def test_hits_below_the_least_score_of_a_stage_are_left_out_counted_and_explained(
    library: Platform,
) -> None:
    every = await found(library, explain=True)
    least = sorted(hit.search_score for hit in every.hits)[2]

    some = await found(library, explain=True, min_scores={"search": least})

    assert some.hits == [hit for hit in every.hits if hit.search_score >= least]
    (final,) = [stage for stage in some.timing.stages if stage.name == "final"]
    (left,) = final.dropped
    assert (left.reason, left.count) == ("min_score", 2)
    assert (final.candidates_in, final.candidates_out) == (len(every.hits), len(every.hits) - 2)
    assert some.plan.options.min_scores == {"search": least}


async def test_others_take_the_places_of_hits_that_are_left_out(library: Platform) -> None:
    every = await found(library, reranker=LATE)
    best = sorted((present(hit.rerank_score) for hit in every.hits), reverse=True)[:3]

    for explain in (False, True):
        reply = await found(library, reranker=LATE, min_scores={"rerank": best[2]}, limit=3, explain=explain)

        assert sorted((present(hit.rerank_score) for hit in reply.hits), reverse=True) == best


async def test_a_score_of_a_stage_that_there_is_not_is_refused_with_the_stages(library: Platform) -> None:
    with pytest.raises(InvalidInput, match="search, rerank, rank") as refused:
        await found(library, min_scores={"fuse": 1.0})

    assert str(refused.value.field) == 'options.min_scores["fuse"]'
