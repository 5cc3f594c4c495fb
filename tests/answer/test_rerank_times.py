"""A reranking that would not be done in time is not begun, and the plan says so."""

from answer.conftest import Platform
from support.queries import words
from support.requests import retrieval
from tieback.answer.stages.rerank import RerankTimes
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import Unavailable
from tieback.core.types.retrieval import RetrieveReply
from tieback_contract.method_choice import MethodChoice

LATE, NONE = MethodChoice("late_interaction"), MethodChoice("none")
KIND = ("late_interaction", False)


async def reranked(library: Platform, seconds: float) -> RetrieveReply:
    """By words alone, so that the reranker's is the only encoder that is asked."""
    asked = retrieval("library", [words("moon")], reranker=LATE, vector_search=NONE)
    return await library.answerer.retrieve(asked, Call(Deadline.after(seconds)))


async def test_a_reranking_that_was_too_slow_is_not_begun_again_in_as_little_time(library: Platform) -> None:
    library.encoder.slow["words-b"] = 30
    first = await reranked(library, 3)
    asked = len(library.encoder.asked)
    second = await reranked(library, 2)  # less, whatever the search before it takes

    for reply in (first, second):
        assert (reply.plan.options.reranker, reply.plan.skipped_reranker) == (NONE, LATE)
        assert reply.routing.reasons == {"reranker": "late"}
        assert [hit.hit.item_id for hit in reply.hits] == ["moon"]
    assert len(library.encoder.asked) == asked > 0
    assert second.timing.total < 1.5


async def test_a_reranking_that_fits_is_done(library: Platform) -> None:
    replies = [await reranked(library, 30) for _ in range(2)]

    assert all(
        reply.plan.options.reranker == LATE and reply.plan.skipped_reranker is None for reply in replies
    )
    assert all(reply.hits[0].rerank_score is not None for reply in replies)


async def test_a_reranker_that_is_down_is_named_in_the_plan(library: Platform) -> None:
    library.encoder.down["words-b"] = Unavailable("gone")
    reply = await reranked(library, 30)

    assert (reply.plan.options.reranker, reply.plan.skipped_reranker) == (NONE, LATE)
    assert reply.routing.reasons == {"reranker": "down"}


def test_times_are_learned_by_candidate_and_forgotten_while_it_is_left_out() -> None:
    times = RerankTimes()
    assert times.fits(KIND, 1000, 0.001)
    times.took(KIND, 10, 1.0)

    assert times.fits(KIND, 10, 1.5)
    assert times.fits(KIND, 1000, None)
    assert times.fits(("late_interaction", True), 50, 0.1)
    tries = next(number for number in range(100) if times.fits(KIND, 50, 1.0))
    assert 10 < tries < 30


def test_a_call_that_was_ended_takes_as_long_at_least() -> None:
    times = RerankTimes()
    times.took(KIND, 10, 10.0)
    times.ended(KIND, 10, 1.0)

    assert not times.fits(KIND, 10, 5.0)
