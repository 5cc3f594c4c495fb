import asyncio
import math
from typing import Any

import pytest
from answer.conftest import Platform
from support.each import each
from support.lab import lab as lab
from support.present import present
from support.queries import photo, words
from support.requests import retrieval
from tieback.answer.plan import DEFAULT_LIMIT
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    Overloaded,
    TiebackError,
    Unavailable,
)
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.core.types.fusion import Routing
from tieback.core.types.retrieval import QueryPart, RetrieveReply, RetrieveRequest
from tieback.methods.reranking import rerankings
from tieback.models.encoder_model import Prepared
from tieback.ports import DEFAULT_RANK_FUSION
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

EVERY_STEP: dict[str, Any] = {
    "hybrid": False,
    "balance_modalities": False,
    "reranker": MethodChoice("late_interaction"),
}


def ask(*query: QueryPart, **how: Any) -> RetrieveRequest:
    """A query that chooses its plan: vectors alone, reranked."""
    return retrieval("library", query, **(EVERY_STEP | how))


def found(reply: RetrieveReply) -> list[str]:
    return [hit.hit.item_id for hit in reply.hits]


async def test_words_find_the_passage_and_the_photo_that_bear_on_them(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask(words("blue")))

    assert set(found(reply)[:2]) == {"sky", "sea"}


async def test_a_photo_finds_passages_and_photos_and_says_what_it_was_taken_for(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask(photo(0, 240, 0)))

    assert set(found(reply)[:2]) == {"grass", "meadow"}
    assert reply.labels[0].name == "green"
    assert "colours -> words-a (class names)" in reply.routing.projections


async def test_a_photo_and_words_are_one_query_and_their_weights_move_it(library: Platform) -> None:
    red = await library.answerer.retrieve(
        ask(photo(250, 0, 0, weight=4), words("night"), reranker=MethodChoice("none"))
    )
    night = await library.answerer.retrieve(
        ask(photo(250, 0, 0), words("night", 4), reranker=MethodChoice("none"))
    )

    assert found(red)[0] == "rose"
    assert found(night)[0] == "moon"


async def test_weights_of_the_spaces_are_returned_and_a_space_of_weight_zero_is_not_asked(
    library: Platform,
) -> None:
    reply = await library.answerer.retrieve(ask(words("moon"), routing=Routing("explicit", {"words-b": 1})))

    assert reply.routing.weights == {"words-b": 1.0}
    assert not reply.routing.degraded
    assert "words-a" not in [space for space, _ in library.encoder.asked]


async def test_reranking_shows_both_scores_and_both_places(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask(words("dark coffee"), explain=True))

    first = reply.hits[0]
    assert first.hit.item_id == "coffee"
    assert first.rerank_score == max(present(hit.rerank_score) for hit in reply.hits)
    assert sorted(hit.search_rank for hit in reply.hits) == list(range(len(reply.hits)))
    assert {
        first.hit.text[slice(*map(int, pair.candidate.place))] for pair in present(first.alignment).pairs
    } == {
        "coffee",
        "dark",
    }
    scores = [hit.hit.score for hit in reply.hits]
    assert scores == sorted(scores, reverse=True)


async def test_a_hit_that_the_reranker_fails_on_stays_without_its_score(
    library: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = library.models["words-b"]
    prepare = model.prepare

    def brittle(content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        if "green" in str(content.data):
            raise RuntimeError("inside")
        return prepare(content, plan, limits)

    monkeypatch.setattr(model, "prepare", brittle)
    reply = await library.answerer.retrieve(ask(words("dark coffee")))

    scores = {hit.hit.item_id: hit.rerank_score for hit in reply.hits}
    assert found(reply)[0] == "coffee"
    assert scores["grass"] is None
    assert all(scores[name] is not None for name in ("coffee", "moon", "sky"))
    assert reply.plan.options.reranker == MethodChoice("late_interaction")


async def test_without_reranking_the_search_keeps_its_order_and_scores(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask(words("moon"), reranker=MethodChoice("none")))

    assert [hit.search_rank for hit in reply.hits] == list(range(len(reply.hits)))
    assert all(hit.rerank_score is None and hit.hit.score == hit.search_score for hit in reply.hits)
    assert "rerank" not in [stage.name for stage in reply.timing.stages]


async def test_a_query_that_says_nothing_is_answered_by_the_default_plan_and_the_reply_says_which(
    library: Platform,
) -> None:
    reply = await library.answerer.retrieve(retrieval("library", [words("moon")]))

    assert (reply.plan.options.hybrid, reply.plan.options.balance_modalities) == (True, False)
    assert (reply.plan.options.rank_fusion, reply.plan.options.candidates) == (
        DEFAULT_RANK_FUSION,
        DEFAULT_LIMIT,
    )


async def test_a_photo_alone_finds_its_own_kind_first_and_its_class_is_not_looked_for_as_a_word(
    library: Platform,
) -> None:
    alone = await library.answerer.retrieve(retrieval("library", [photo(0, 240, 0)]))
    asked = await library.answerer.retrieve(retrieval("library", [photo(0, 240, 0)], hybrid=True))

    assert (alone.plan.options.hybrid, alone.plan.options.balance_modalities) == (False, False)
    assert (alone.plan.first_modality, asked.plan.first_modality) == (Modality.IMAGE, None)
    assert alone.hits[0].hit.modality is Modality.IMAGE
    assert all(hit.hit.text_score is None for hit in alone.hits)
    assert asked.plan.options.hybrid
    assert any(hit.hit.text_score for hit in asked.hits)


async def test_the_default_query_is_not_reranked(library: Platform) -> None:
    reply = await library.answerer.retrieve(retrieval("library", [words("moon")]))

    assert reply.plan.options.reranker == MethodChoice("none")
    assert "rerank" not in [stage.name for stage in reply.timing.stages]


async def test_what_a_query_says_goes_before_the_default_plan(library: Platform) -> None:
    query = ask(words("moon"), hybrid=True, rank_fusion=MethodChoice("reciprocal_rank"), candidates=30)

    reply = await library.answerer.retrieve(query)

    assert (reply.plan.options.hybrid, reply.plan.options.balance_modalities) == (True, False)
    assert (reply.plan.options.rank_fusion, reply.plan.options.candidates) == (
        MethodChoice("reciprocal_rank"),
        30,
    )
    assert reply.plan.options.reranker == MethodChoice("late_interaction")


async def test_a_very_long_text_is_searched_for_by_its_first_words(library: Platform) -> None:
    reply = await library.answerer.retrieve(retrieval("library", [words("moon é" + " and so on" * 5000)]))

    (matched,) = [hit.hit.item_id for hit in reply.hits if hit.hit.text_score]
    assert matched == "moon"


async def test_filter_limit_and_hybrid_reach_the_search(library: Platform) -> None:
    photos = await library.answerer.retrieve(ask(words("blue"), filter='kind = "photo"', limit=2))
    hybrid = await library.answerer.retrieve(ask(words("shines"), hybrid=True))

    assert found(photos)[0] == "sea"
    assert len(photos.hits) == 2
    assert hybrid.hits[0].hit.text_score is not None


async def test_with_balance_the_modalities_share_the_hits(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask(words("blue"), balance_modalities=True, limit=2))

    assert {hit.hit.modality for hit in reply.hits} == {Modality.TEXT, Modality.IMAGE}


async def test_a_photo_finds_nothing_unrelated_before_what_is_related(library: Platform) -> None:
    for balanced in (None, True, False):
        query = retrieval("library", [photo(0, 0, 255)], balance_modalities=balanced)

        reply = await library.answerer.retrieve(query)

        marks = [hit.below_floor for hit in reply.hits]
        assert marks == sorted(marks)
        assert True in marks
        assert not marks[0]
        related = [hit.hit.modality for hit in reply.hits if not hit.below_floor]
        if balanced is None:
            assert related[0] is Modality.IMAGE


async def test_words_beside_a_photo_are_asked_of_all_kinds(library: Platform) -> None:
    for query in ([photo(0, 0, 255), words("blue")], [words("blue")]):
        reply = await library.answerer.retrieve(retrieval("library", query))

        assert reply.plan.first_modality is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable("gone"), "down"),
        (Overloaded("full", retry_after=1), "shed"),
        (DeadlineExceeded("late"), "late"),
    ],
)
async def test_a_space_that_is_down_is_left_out_and_named_with_the_reason(
    library: Platform, error: TiebackError, reason: str
) -> None:
    library.encoder.down["words-a"] = error

    reply = await library.answerer.retrieve(ask(words("moon"), reranker=MethodChoice("none")))

    assert found(reply)[0] == "moon"
    assert reply.routing.weights == {"words-b": 1.0}
    assert reply.routing.missing == ["words-a"]
    assert reply.routing.reasons == {"words-a": reason}
    assert reply.routing.degraded


async def test_a_photos_space_that_is_down_leaves_the_words_beside_it(library: Platform) -> None:
    library.encoder.down["colours"] = Unavailable("gone")

    reply = await library.answerer.retrieve(ask(photo(250, 0, 0), words("moon")))

    assert found(reply)[0] == "moon"
    assert reply.routing.missing == ["colours"]
    assert reply.routing.degraded


async def test_a_slow_space_is_given_up_in_time_and_its_work_is_cancelled(library: Platform) -> None:
    library.encoder.slow["words-a"] = 30

    reply = await library.answerer.retrieve(ask(words("moon")), Call(Deadline.after(0.6)))

    assert found(reply)[0] == "moon"
    assert reply.routing.missing == ["words-a"]
    assert reply.routing.reasons == {"words-a": "late"}
    assert library.encoder.cancelled == ["words-a"]
    assert reply.timing.total < 0.6


async def test_it_is_an_error_only_if_every_space_is_missing(library: Platform) -> None:
    library.encoder.down = {"words-a": Unavailable("first"), "words-b": Unavailable("second")}

    with pytest.raises(Unavailable):
        await library.answerer.retrieve(ask(words("moon")))


async def test_slow_spaces_are_waited_for_where_none_has_answered(library: Platform) -> None:
    library.encoder.slow = {"words-a": 0.3, "words-b": 0.3}

    reply = await library.answerer.retrieve(
        ask(words("moon"), reranker=MethodChoice("none")), Call(Deadline.after(0.55))
    )

    assert found(reply)[0] == "moon"


async def test_a_text_that_one_space_cannot_read_whole_is_read_by_it_as_far_as_it_reads(
    library: Platform,
) -> None:
    reply = await library.answerer.retrieve(ask(words("moon " * 20)))

    assert list(reply.truncated) == ["words-a"]
    assert reply.routing.missing == []
    assert found(reply)[0] == "moon"


async def test_words_are_taken_away_from_a_photo(library: Platform) -> None:
    plain = await library.answerer.retrieve(ask(photo(128, 128, 0), reranker=MethodChoice("none")))
    less = await library.answerer.retrieve(
        ask(photo(128, 128, 0), words("green", -0.5), reranker=MethodChoice("none"))
    )

    scores = [{hit.hit.item_id: hit.search_score for hit in reply.hits} for reply in (plain, less)]
    assert all(scores[1][name] < scores[0][name] for name in ("grass", "meadow"))
    assert less.routing.modality == "image+text"


async def test_a_reranker_that_is_down_leaves_the_searchs_order(library: Platform) -> None:
    library.encoder.down["words-b"] = Unavailable("gone")

    reply = await library.answerer.retrieve(ask(words("moon")))

    assert reply.hits[0].rerank_score is None
    assert "reranker" in reply.routing.missing
    assert reply.routing.degraded


async def test_a_reranker_that_is_too_slow_is_cancelled_and_leaves_the_searchs_order(
    library: Platform,
) -> None:
    library.encoder.slow["words-b"] = 30
    only_a = Routing("explicit", {"words-a": 1})

    reply = await library.answerer.retrieve(ask(words("moon"), routing=only_a), Call(Deadline.after(2)))

    assert found(reply)[0] == "moon"
    assert reply.routing.missing == ["reranker"]
    assert library.encoder.cancelled == ["words-b"]
    assert reply.timing.total < library.encoder.slow["words-b"]


async def test_a_cancelled_query_cancels_its_hops(library: Platform) -> None:
    library.encoder.slow = {"words-a": 30, "words-b": 30}
    task = asyncio.create_task(library.answerer.retrieve(ask(words("moon"))))
    await asyncio.sleep(0.05)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.sleep(0)
    assert sorted(library.encoder.cancelled) == ["words-a", "words-b"]


async def test_nothing_is_searched_after_the_deadline(library: Platform) -> None:
    with pytest.raises(DeadlineExceeded):
        await library.answerer.retrieve(ask(words("moon")), Call(Deadline.after(0)))


async def test_the_reply_names_every_step_in_order(library: Platform) -> None:
    reply = await library.answerer.retrieve(ask(words("moon")))

    names = [stage.name for stage in reply.timing.stages]
    assert names[:2] == ["plan", "collection"]
    assert sorted(names[2:4]) == ["encode:words-a", "encode:words-b"]
    assert names[4:] == ["fuse", "search", "rerank", "final"]
    begins = [stage.begin for stage in reply.timing.stages]
    assert begins == sorted(begins)
    assert all(stage.begin + stage.seconds <= reply.timing.total for stage in reply.timing.stages)


@each(
    "retrieval, field",
    [
        (ask(), "query"),
        (ask(words("a", math.nan)), "query[0].weight"),
        (ask(words("a", -1)), "query"),
        (ask(words("a", 0)), "query"),
        (ask(words("a"), limit=101), "limit"),
        (ask(words("a"), candidates=1001), "options.candidates"),
        (ask(words("nul \0")), "query[0].content.text"),
        (ask(words("ok"), QueryPart(Content(Modality.IMAGE, b"broken"))), "query[1].content.image"),
        (ask(QueryPart(Content(Modality.AUDIO, b"RIFF"))), "query[0].content.audio"),
        (ask(words("a"), routing=Routing("explicit", {"words-z": 1})), 'routing.weights["words-z"]'),
        (
            ask(words("a"), reranker=MethodChoice("optimal_transport", {"beta": -1})),
            "options.reranker.parameters.beta",
        ),
        (ask(words("a"), filter="kind ="), "filter"),
    ],
)
async def test_a_bad_request_is_refused_by_its_place(
    library: Platform, retrieval: RetrieveRequest, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await library.answerer.retrieve(retrieval)

    assert str(refusal.value.field) == field


async def test_an_unknown_collection_or_reranker_is_not_found_with_the_choices(library: Platform) -> None:
    with pytest.raises(NotFound, match="library"):
        await library.answerer.retrieve(retrieval("libary", [words("a")]))
    with pytest.raises(NotFound) as refusal:
        await library.answerer.retrieve(ask(words("a"), reranker=MethodChoice("cross")))

    assert refusal.value.choices == sorted(["none", *rerankings.names()])


async def test_a_query_of_more_contents_than_the_limit_is_refused(platform: Platform) -> None:
    with pytest.raises(InvalidInput, match="65 contents, and this server takes 64 at most") as refused:
        await platform.answerer.retrieve(ask(*[words("tea")] * 65))

    assert str(refused.value.field) == "query"
