"""Hits in a learned order: plans, refusals, explanations."""

from typing import Any

import numpy as np
import pytest
from answer.conftest import Platform
from support.queries import photo, words
from support.requests import retrieval
from tieback.answer.stages.rank import learned_order
from tieback.core.errors import InvalidInput, NotFound, Unsupported
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.retrieval import RetrieveRequest
from tieback.core.types.search import NAMES
from tieback.models.learned.ranker import TrainedRanker
from tieback_contract.hits import Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity

LINEAR = MethodChoice("linear")


def ask(text: str, **how: Any) -> RetrieveRequest:
    return retrieval("library", [words(text)], **how)


@pytest.fixture
async def library(platform: Platform) -> Platform:
    texts = {
        "tide": "tide moon gravity",
        "ocean": "lunar gravity ocean tide",
        "bread": "bread oven flour",
        "cup": "coffee cup saucer",
    }
    items = [Item(name, [Section("0", Content(Modality.TEXT, text))], name) for name, text in texts.items()]
    await platform.ingest("library", items)
    return platform


def hit(name: str, score: float, **signals: float) -> Hit:
    return Hit(name, "", "0", "", Modality.TEXT, name, "", {}, score, signals=signals)


def trained(**weights: float) -> TrainedRanker:
    return TrainedRanker("linear", list(weights), {"weights": np.array(list(weights.values()))})


def test_the_signals_decide_the_order_and_the_search_the_ties() -> None:
    hits = [hit("a", 3, window=0.0), hit("b", 2, window=1.0), hit("c", 1, window=1.0)]

    found = learned_order(hits, trained(window=1.0), 2, explain=False)

    assert [one.hit.item_id for one in found] == ["b", "c"]
    assert [(one.search_score, one.search_rank) for one in found] == [(2, 1), (1, 2)]
    assert [tuple(one.signals) for one in found] == [(), ()]


def test_contributions_sum_to_the_score_and_the_largest_is_first() -> None:
    hits = [hit("a", 3, search=3, window=0.0, length=4), hit("b", 2, search=2, window=1.0, length=5)]

    found = learned_order(hits, trained(search=0.5, window=2.0), 2, explain=True)

    assert [one.hit.item_id for one in found] == ["b", "a"]
    for one in found:
        assert sum(share.contribution for share in one.signals) == pytest.approx(one.hit.score)
    best = found[0].signals
    assert [(one.name, one.value) for one in best] == [("window", 1.0), ("search", 2), ("length", 5)]
    assert best[2].contribution == 0


async def test_a_ranked_query_says_so_in_its_plan_and_explains_its_scores(library: Platform) -> None:
    plain = await library.answerer.retrieve(ask("tide gravity", ranker=MethodChoice("none")))
    ranked = await library.answerer.retrieve(ask("tide gravity", ranker=LINEAR, explain=True))

    assert (plain.plan.options.ranker, ranked.plan.options.ranker) == (
        MethodChoice("none"),
        MethodChoice("linear"),
    )
    assert ranked.plan.options.candidates == 100
    assert {one.hit.item_id for one in ranked.hits} == {one.hit.item_id for one in plain.hits}
    for one in ranked.hits:
        assert {share.name for share in one.signals} <= set(NAMES)
        assert one.hit.score == pytest.approx(sum(share.contribution for share in one.signals))
        assert not one.hit.signals, "they are in the reasons"
    assert any(stage.name == "signals" for stage in ranked.timing.stages)


async def test_a_query_without_words_keeps_the_searchs_order(library: Platform) -> None:
    plain = await library.answerer.retrieve(retrieval("library", [photo(250, 0, 0)]))
    ranked = await library.answerer.retrieve(retrieval("library", [photo(250, 0, 0)], ranker=LINEAR))

    assert ranked.plan.options.ranker == MethodChoice("none")
    assert [one.hit.item_id for one in ranked.hits] == [one.hit.item_id for one in plain.hits]


@pytest.mark.parametrize(
    "how",
    [
        {"reranker": MethodChoice("late_interaction")},
        {"query_expansion": MethodChoice("rocchio")},
        {"diversity": 0.5},
        {"granularity": Granularity.DOCUMENT},
        {"hybrid": False},
    ],
    ids=lambda how: next(iter(how)),
)
async def test_what_does_not_go_with_a_ranker_is_refused_by_its_field(
    library: Platform, how: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=next(iter(how))) as refusal:
        await library.answerer.retrieve(ask("tide", ranker=LINEAR, **how))

    assert str(refusal.value.field) == "options.ranker"


async def test_an_unknown_ranker_is_refused_with_the_choices(library: Platform) -> None:
    with pytest.raises(NotFound, match="linear"):
        await library.answerer.retrieve(ask("tide", ranker=MethodChoice("magic")))
    with pytest.raises(InvalidInput) as refusal:
        await library.answerer.retrieve(ask("tide", ranker=MethodChoice("linear", {"weights": 3})))

    assert str(refusal.value.field) == "options.ranker.parameters.weights"


async def test_a_server_without_a_ranker_refuses_one(library: Platform) -> None:
    answerer = library.rebuilt(ranker=None)

    with pytest.raises(Unsupported, match="TIEBACK_ARTIFACTS"):
        await answerer.retrieve(ask("tide", ranker=LINEAR))
