import math
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bag_of_words import BagOfWords, card, dense
from support.each import each
from support.lab import all_names
from support.lab import lab as lab
from support.present import present
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, SpaceMismatch, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.rerank import RerankCandidate, RerankReply, RerankRequest, RerankSource
from tieback.encoder import Encoder
from tieback.methods.reranking import rerankings
from tieback.reranker import Reranker
from tieback_contract.arrays import Array, Span
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector, SpaceRef, VectorKind

OT = MethodChoice("optimal_transport")
SPACE = SpaceRef("here", "r", "f")


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    cards = card(tmp_path), card(tmp_path, "no-tokens", kinds={VectorKind.DENSE})
    encoder = Encoder([BagOfWords(one) for one in cards])
    yield encoder
    await encoder.close()


@pytest.fixture
async def reranker(encoder: Encoder) -> AsyncIterator[Reranker]:
    reranker = Reranker(encoder, space="bag-of-words")
    yield reranker
    await reranker.close()


def text(words: str) -> Content:
    return Content(Modality.TEXT, words)


def candidates(*texts: str, scores: list[float] | None = None) -> list[RerankCandidate]:
    scores = scores or [0.0] * len(texts)
    return [
        RerankCandidate(f"c{n}", text(words), score)
        for n, (words, score) in enumerate(zip(texts, scores, strict=True))
    ]


def tokens(*words: str, space: SpaceRef = SPACE) -> MultiVector:
    values = np.stack([dense(word) for word in words])
    return MultiVector(values, space, spans(*[(n, n + 1) for n in range(len(words))]))


def spans(*places: Span) -> Locators:
    return Locators.of(LocatorKind.BYTE_SPAN, places)


def rows(values: Array, *places: Span) -> MultiVector:
    """A multi-vector of these values, whatever they are."""
    return MultiVector(np.array(values, np.float32), SPACE, spans(*places))


def failure(reply: RerankReply) -> TiebackError:
    """Why the one candidate failed that did."""
    (failed,) = reply.failures
    return failed.error


@pytest.mark.parametrize("method", all_names(rerankings))
async def test_the_candidate_that_answers_the_query_comes_first(reranker: Reranker, method: str) -> None:
    texts = candidates("rockets fly to the moon", "a cup of hot coffee", "coffee beans")

    request = RerankRequest(text("cup of coffee"), texts, method=MethodChoice(method))
    reply = await reranker.rerank(request, NO_CALL)

    assert reply.results[0].id == "c1"
    assert reply.results[0].first_rank == 1
    assert reply.results[0].score == reply.results[0].rerank_score
    assert [result.score for result in reply.results] == sorted(
        (result.score for result in reply.results), reverse=True
    )


async def test_equal_candidates_keep_the_order_of_the_first_ranking(reranker: Reranker) -> None:
    request = RerankRequest(text("coffee"), candidates("tea", "coffee", "coffee", "coffee"))
    reply = await reranker.rerank(request, NO_CALL)

    assert [result.id for result in reply.results] == ["c1", "c2", "c3", "c0"]


async def test_the_alignment_points_at_the_bytes_of_the_matching_words(reranker: Reranker) -> None:
    query, given = "hot coffee", "a cup of coffee"

    reply = await reranker.rerank(RerankRequest(text(query), candidates(given), explain=True), NO_CALL)

    alignment = present(reply.results[0].alignment)
    pair = alignment.pairs[0]
    assert {pair.query.kind, pair.candidate.kind} == {LocatorKind.BYTE_SPAN}
    assert query[slice(*map(int, pair.query.place))] == "coffee"
    assert given[slice(*map(int, pair.candidate.place))] == "coffee"
    assert pair.similarity == pytest.approx(1, abs=1e-5)
    assert pair.weight == pytest.approx(0.5)
    assert alignment.plan is None


async def test_optimal_transport_shows_its_whole_plan(reranker: Reranker) -> None:
    reply = await reranker.rerank(
        RerankRequest(text("hot coffee"), candidates("a cup of coffee", "tea"), method=OT, explain=True),
        NO_CALL,
    )

    for result, length in zip(sorted(reply.results, key=lambda r: r.id), (4, 1), strict=True):
        plan = present(present(result.alignment).plan)
        assert plan.shape == (2, length)
        assert plan.sum() == pytest.approx(1, abs=1e-3)


async def test_no_alignment_is_made_where_none_was_asked_for(reranker: Reranker) -> None:
    reply = await reranker.rerank(RerankRequest(text("coffee"), candidates("coffee")), NO_CALL)

    assert reply.results[0].alignment is None


async def test_a_fusion_merges_the_first_ranking_with_the_new_one(reranker: Reranker) -> None:
    texts = candidates("coffee and much else besides", "coffee", "tea", scores=[9.0, 1.0, 0.0])

    alone = await reranker.rerank(RerankRequest(text("coffee"), texts, method=OT), NO_CALL)
    merged = await reranker.rerank(
        RerankRequest(
            text("coffee"), texts, method=OT, rank_fusion=MethodChoice("standard_scores", {"weights": [3, 1]})
        ),
        NO_CALL,
    )

    assert alone.results[0].id == "c1"
    assert merged.results[0].id == "c0"
    assert merged.results[0].score != merged.results[0].rerank_score


async def test_a_limit_cuts_the_end_off(reranker: Reranker) -> None:
    request = RerankRequest(text("coffee"), candidates("tea", "coffee", "cup"), limit=1)
    reply = await reranker.rerank(request, NO_CALL)

    assert [result.id for result in reply.results] == ["c1"]


async def test_many_candidates_of_all_lengths_score_as_they_do_alone(reranker: Reranker) -> None:
    texts = candidates(*(" ".join(["tea"] * (n % 13 + 1) + ["coffee"]) for n in range(80)))

    together = {
        result.id: result.score
        for result in (
            await reranker.rerank(RerankRequest(text("coffee"), texts, method=OT), NO_CALL)
        ).results
    }

    for one in texts[::9]:
        alone = await reranker.rerank(RerankRequest(text("coffee"), [one], method=OT), NO_CALL)
        assert together[one.id] == pytest.approx(alone.results[0].score, abs=1e-6)


async def test_a_text_too_long_for_the_space_is_cut_since_this_is_only_a_look(reranker: Reranker) -> None:
    reply = await reranker.rerank(RerankRequest(text("coffee"), candidates("coffee " * 1000)), NO_CALL)

    assert reply.results[0].score == pytest.approx(1, abs=1e-5)


async def test_token_vectors_that_were_computed_before_need_no_encoder(encoder: Encoder) -> None:
    reranker = Reranker(encoder, space="no-tokens")

    reply = await reranker.rerank(
        RerankRequest(
            tokens("coffee"),
            [RerankCandidate("a", tokens("tea")), RerankCandidate("b", tokens("coffee", "tea"))],
        ),
        NO_CALL,
    )

    assert [result.id for result in reply.results] == ["b", "a"]


@pytest.mark.parametrize("swapped", [False, True])
async def test_text_meets_token_vectors_in_their_space(encoder: Encoder, swapped: bool) -> None:
    reranker = Reranker(encoder, space="no-tokens")
    vectors = tokens("coffee", space=encoder.cards[0].space)
    of_vectors = [RerankCandidate("c0", tokens("tea", space=vectors.space)), RerankCandidate("c1", vectors)]

    if swapped:
        reply = await reranker.rerank(RerankRequest(text("coffee"), of_vectors), NO_CALL)
    else:
        reply = await reranker.rerank(RerankRequest(vectors, candidates("tea", "coffee")), NO_CALL)

    assert reply.results[0].id == "c1"


async def test_token_vectors_of_another_space_are_a_mismatch_that_names_both(reranker: Reranker) -> None:
    other = SpaceRef("there", "r", "f")

    reply = await reranker.rerank(
        RerankRequest(
            tokens("coffee"),
            [RerankCandidate("a", tokens("tea", space=other)), RerankCandidate("b", tokens("tea"))],
        ),
        NO_CALL,
    )

    failed = failure(reply)
    assert isinstance(failed, SpaceMismatch)
    assert re.search(r"there@r .* here@r", failed.message)
    assert str(failed.field) == "candidates[0].source.multi_vector"
    assert [one.first_rank for one in reply.results] == [1]


@pytest.mark.parametrize("space", [SpaceRef("pictures", "r", "f"), SpaceRef("joint", "r", "f")])
@pytest.mark.parametrize("swapped", [False, True])
async def test_a_text_beside_regions_of_a_space_that_reads_none_is_a_mismatch_that_names_both(
    tmp_path: Path, space: SpaceRef, swapped: bool
) -> None:
    pictures = card(tmp_path, "pictures", modality=Modality.IMAGE)
    encoder = Encoder([BagOfWords(card(tmp_path)), BagOfWords(pictures)])
    boxes = Locators.of(LocatorKind.BOX, [(0.0, 0.0, 1.0, 1.0)])
    regions = MultiVector(np.ones((1, 32), np.float32), space, boxes)
    reranker = Reranker(encoder, space="bag-of-words")

    if swapped:
        of_both = [RerankCandidate("a", text("coffee")), RerankCandidate("b", regions)]
        reply = await reranker.rerank(RerankRequest(regions, of_both), NO_CALL)
        mismatch: TiebackError = failure(reply)
        assert [one.id for one in reply.results] == ["b"]
    else:
        with pytest.raises(SpaceMismatch) as refusal:
            await reranker.rerank(RerankRequest(text("coffee"), [RerankCandidate("a", regions)]), NO_CALL)
        mismatch = refusal.value
    await encoder.close()

    assert isinstance(mismatch, SpaceMismatch)
    assert re.search(rf"of {space}, .* a text is encoded in bag-of-words", mismatch.message)
    assert str(mismatch.field) == ("candidates[0].source.content" if swapped else "query.content")


@each(
    "bad, field",
    [
        (text(""), "content.text"),
        (text(" \n"), "content.text"),
        (text("nul \0"), "content.text"),
        (Content(Modality.IMAGE, b"no picture"), "content.image"),
        (rows(np.zeros((0, 3))), "multi_vector.values"),
        (rows(np.ones(3), (0, 1), (1, 2), (2, 3)), "multi_vector.values"),
        (rows(np.ones((2, 3)), (0, 1)), "multi_vector.byte_spans"),
        (rows(np.ones((2, 3)), (0, 1), (3, 2)), "multi_vector.byte_spans[1]"),
        (rows(np.full((1, 3), np.nan), (0, 1)), "multi_vector.values"),
        (rows(np.zeros((1, 3)), (0, 1)), "multi_vector.values"),
    ],
)
async def test_a_bad_candidate_fails_alone_by_its_place(
    reranker: Reranker, bad: RerankSource, field: str
) -> None:
    first, last = candidates("tea", "coffee")

    reply = await reranker.rerank(
        RerankRequest(text("coffee"), [first, RerankCandidate("bad", bad), last], limit=2, explain=True),
        NO_CALL,
    )

    (failed,) = reply.failures
    assert (failed.id, failed.first_rank) == ("bad", 1)
    assert isinstance(failed.error, InvalidInput)
    assert str(failed.error.field) == f"candidates[1].source.{field}"
    assert [(one.id, one.first_rank) for one in reply.results] == [("c1", 2), ("c0", 0)]


async def test_a_failed_candidate_changes_nothing_for_the_others(reranker: Reranker) -> None:
    fusion = MethodChoice("standard_scores")
    three = candidates("tea", "coffee", "a cup of coffee", scores=[3.0, 2.0, 1.0])
    bad = RerankCandidate("bad", text(""), 9.0)

    alone = await reranker.rerank(RerankRequest(text("coffee"), three, rank_fusion=fusion), NO_CALL)
    beside = await reranker.rerank(RerankRequest(text("coffee"), [bad, *three], rank_fusion=fusion), NO_CALL)

    assert [one.id for one in beside.results] == [one.id for one in alone.results]
    np.testing.assert_allclose([one.score for one in beside.results], [one.score for one in alone.results])
    assert [one.first_rank - 1 for one in beside.results] == [one.first_rank for one in alone.results]


async def test_where_all_candidates_fail_each_says_why_and_the_query_is_still_looked_at(
    reranker: Reranker,
) -> None:
    unread = InvalidInput("set content or multi_vector", field=at("candidates", 1, "source"))
    bad = [RerankCandidate("a", text(" ")), RerankCandidate("b", unread)]
    request = RerankRequest(text("coffee"), bad)
    fused = replace(request, explain=True, rank_fusion=MethodChoice("standard_scores"))
    for one in (request, fused):
        reply = await reranker.rerank(one, NO_CALL)
        assert reply.results == []
        assert [(failed.id, str(failed.error.field)) for failed in reply.failures] == [
            ("a", "candidates[0].source.content.text"),
            ("b", "candidates[1].source"),
        ]
    with pytest.raises(InvalidInput) as refusal:
        await reranker.rerank(RerankRequest(text("nul \0"), bad), NO_CALL)

    assert str(refusal.value.field) == "query.content.text"


async def test_token_vectors_of_another_width_fail_by_their_place(reranker: Reranker) -> None:
    narrow = rows(np.ones((1, 3)), (0, 1))

    reply = await reranker.rerank(RerankRequest(tokens("coffee"), [RerankCandidate("a", narrow)]), NO_CALL)

    assert "width 3" in failure(reply).message
    assert str(failure(reply).field) == "candidates[0].source.multi_vector.values"


async def test_an_empty_query_is_refused(reranker: Reranker) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await reranker.rerank(RerankRequest(text(" "), candidates("tea")), NO_CALL)

    assert str(refusal.value.field) == "query.content.text"


async def test_a_score_that_is_no_number_is_its_candidates_failure(reranker: Reranker) -> None:
    request = RerankRequest(text("tea"), candidates("a", "b", scores=[0, math.nan]))
    reply = await reranker.rerank(request, NO_CALL)

    assert str(failure(reply).field) == "candidates[1].score"
    assert [one.id for one in reply.results] == ["c0"]


async def test_no_candidates_and_too_many_are_refused(encoder: Encoder) -> None:
    reranker = Reranker(encoder, space="bag-of-words", limits=Limits(batch_items=2))

    for bad, field in [
        ([], "candidates"),
        (candidates("a", "b", "c"), "candidates"),
    ]:
        with pytest.raises(InvalidInput) as refusal:
            await reranker.rerank(RerankRequest(text("tea"), bad), NO_CALL)
        assert str(refusal.value.field) == field


async def test_as_many_candidates_as_the_limit_allows_are_encoded_in_parts(encoder: Encoder) -> None:
    reranker = Reranker(encoder, space="bag-of-words", limits=Limits(batch_items=2))

    reply = await reranker.rerank(RerankRequest(text("tea"), candidates("coffee", "tea")), NO_CALL)

    assert reply.results[0].id == "c1"


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"method": MethodChoice("late_interaction", {"beta": 1})}, "method.parameters.beta"),
        ({"rank_fusion": MethodChoice("reciprocal_rank", {"k": -1})}, "rank_fusion.parameters.k"),
        ({"space": "no-tokens"}, "space"),
    ],
)
async def test_a_bad_parameter_or_a_space_without_token_vectors_is_refused(
    reranker: Reranker, how: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await reranker.rerank(RerankRequest(text("tea"), candidates("tea"), **how), NO_CALL)

    assert str(refusal.value.field) == field


@pytest.mark.parametrize(
    "how", [{"method": MethodChoice("x")}, {"rank_fusion": MethodChoice("x")}, {"space": "x"}]
)
async def test_an_unknown_method_or_space_is_not_found(reranker: Reranker, how: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        await reranker.rerank(RerankRequest(text("tea"), candidates("tea"), **how), NO_CALL)


async def test_nothing_is_compared_after_the_deadline(reranker: Reranker) -> None:
    with pytest.raises(DeadlineExceeded):
        await reranker.rerank(RerankRequest(text("tea"), candidates("tea")), Call(Deadline.after(-1)))


async def test_the_reply_says_where_the_time_went_and_what_it_cost(reranker: Reranker) -> None:
    reply = await reranker.rerank(RerankRequest(text("tea"), candidates("coffee", "hot tea")), NO_CALL)

    assert [stage.name for stage in reply.timing.stages] == ["encode:bag-of-words", "compare"]
    assert reply.timing.total >= sum(stage.seconds for stage in reply.timing.stages) * 0.99
    assert reply.cost.tokens == 4
