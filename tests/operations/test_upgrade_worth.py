"""What searches are worth in either space, translated and in between, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.each import each
from tieback.core.types.moving import Anchors, Asked
from tieback.methods import compatibility
from tieback.methods.projection import unit_rows
from tieback.operations.upgrades.comparison import Tried, compare
from tieback.operations.upgrades.measures import split, trial
from tieback.operations.upgrades.worth import SHARES, Advice, Measured, Sides, Trial, Worth, advised

DRAW = np.random.default_rng(0)
WIDTH, ITEMS = 12, 400
TURN = np.linalg.qr(DRAW.normal(size=(WIDTH, WIDTH)))[0]


def halves_and_wholes(noise: float) -> Anchors:
    """Texts whose halves are near to each other; the old space is the new one, turned, with noise.

    Texts that are near to each other have words in common: those of directions that they are far in.
    """
    wholes = DRAW.normal(size=(ITEMS, WIDTH))
    words = np.where(
        unit_rows(wholes) @ unit_rows(DRAW.normal(size=(300, WIDTH))).T > 0.5, np.arange(1, 301), 0
    )
    new = unit_rows(np.repeat(wholes, 3, axis=0) + 0.3 * DRAW.normal(size=(3 * ITEMS, WIDTH)))
    old = unit_rows(new @ TURN + noise * DRAW.normal(size=new.shape))
    return Anchors(old, new, np.repeat(np.arange(ITEMS), 3), words=words.astype(np.int32))


def test_a_search_is_worth_what_its_first_ten_items_are() -> None:
    eye = np.eye(20, dtype=np.float32)
    tried = Trial(
        Sides(eye[:2], eye[:2]), Sides(eye, eye), np.arange(20) // 2, [{0: 3.0}, {5: 1.0, 6: 1.0}],
        np.zeros(20, np.int64), np.zeros(2, np.int64),
    )  # fmt: skip
    scores = np.tile(-np.arange(20) / 100, (2, 1))
    scores[0, 1] = 1  # an item is as near as its nearest content
    scores[1, [4, 10]] = 2, 1  # of two items that answer it, one is second

    gained, recalled = tried.by_question(scores)

    # The others follow in their order: item 6 is the seventh.
    assert gained == pytest.approx([1, (1 / np.log2(3) + 1 / np.log2(8)) / (1 + 1 / np.log2(3))], abs=1e-6)
    assert recalled.tolist() == [1, 1]


def test_reading_both_spaces_goes_from_what_today_is_worth_to_what_a_reindex_is() -> None:
    anchors = halves_and_wholes(noise=0.25)
    tried = trial(anchors, split(anchors))

    curve = tried.curve(tried.old)

    today, reindexed = tried.worth(tried.old).ndcg.value, tried.worth(tried.native).ndcg.value
    assert len(curve) == len(SHARES)
    assert curve[0] == pytest.approx(today, abs=1e-6)
    assert curve[-1] == pytest.approx(reindexed)
    assert today < reindexed
    assert min(curve) >= today - 0.01


def test_a_space_that_was_only_turned_is_translated_without_loss_and_the_plan_stays() -> None:
    anchors = halves_and_wholes(noise=0)
    parts = split(anchors)
    learned = parts.arrays(anchors)
    states = {
        name: [compatibility.fit(name, learned["old"][one], learned["new"][one]) for one in parts.learned]
        for name in ("subspace", "orthogonal")
    }

    found = compare(trial(anchors, parts), states, 0.8)

    assert {one.policy for one in found.tried} == {"subspace", "orthogonal"}
    assert found.tried[0].retention.value == pytest.approx(1, abs=0.01)
    assert found.advice == Advice.KEEP
    assert found.curve[0][1] == pytest.approx(found.curve[-1][1], abs=0.01)
    assert [one["refused"] for one in found.told(0.8)["policies"]] == [False, False]


def test_a_policy_is_worth_what_its_better_way_keeps() -> None:
    worse, better = (Worth(one, one, 0.5) for one in (Measured(0.7, 0.6, 0.8), Measured(0.9, 0.8, 1.0)))
    led, translating = Tried("a", worse, better), Tried("b", better, worse)
    trained = Tried("oca", None, worse)

    assert [one.translates_stored for one in (led, translating, trained)] == [False, True, False]
    assert [one.retention.value for one in (led, translating, trained)] == [0.9, 0.9, 0.7]
    assert [one.told(0.8)["refused"] for one in (led, translating, trained)] == [False, False, True]
    assert (led.way, translating.way) == ("queries led by a", "stored vectors translated by b")


def test_judged_queries_ask_for_the_items_that_they_name() -> None:
    anchors = halves_and_wholes(noise=0.1)
    wholes = anchors.new[2::3]
    asked = Asked(anchors.old[2::3][:3], wholes[:3])
    gains = [{0: 1.0}, {1: 3.0}, {ITEMS + 7: 1.0}]

    parts = split(anchors, {0, 1})
    tried = trial(anchors, parts, asked, gains)

    assert len(tried.gains) == 2, "a query of which no item is there is left out"
    assert tried.worth(tried.native).ndcg.value == 1


def test_contents_with_labels_ask_for_others_of_their_label_and_not_for_themselves() -> None:
    rows = unit_rows(np.repeat(np.eye(4), 25, axis=0) + 0.01 * DRAW.normal(size=(100, 4)))
    anchors = Anchors(rows, rows, np.arange(100), ["a"] * 25 + ["b"] * 25 + ["c"] * 25 + ["d"] * 25)

    tried = trial(anchors, split(anchors))

    assert tried.worth(tried.native).ndcg.value == 1
    for place, found in enumerate(tried.gains):
        alike = set(range(place // 25 * 25, place // 25 * 25 + 25))
        assert found.keys() == alike - {place}


def worth(ndcg: float) -> Worth:
    return Worth(Measured(ndcg, ndcg, ndcg), Measured(1, 1, 1), ndcg)


@each(
    "old, new, kept, advice, says",
    [
        (0.50, 0.45, 0.99, Advice.KEEP, "not better"),
        (0.50, 0.503, 0.99, Advice.KEEP, "not better"),
        (
            0.40,
            0.50,
            0.75,
            Advice.REEMBED,
            "queries led by affine, it keeps 0.75 of that, below the floor of 0.8",
        ),
        (0.45, 0.50, 0.85, Advice.REEMBED, "it would be 0.425, less than today"),
        (0.40, 0.50, 0.95, Advice.TRANSLATE, "keeps 0.95 of that at once, more than today"),
    ],
)
def test_an_upgrade_is_advised_only_where_it_gains(
    old: float, new: float, kept: float, advice: Advice, says: str
) -> None:
    gain = Measured(new - old, new - old, new - old)

    found, reason = advised(
        worth(old), worth(new), gain, ("queries led by affine", Measured(kept, kept, kept)), 0.8
    )

    assert found is advice
    assert says in reason
    assert "chance" not in reason


def test_advice_says_where_it_may_be_chance() -> None:
    _, reason = advised(worth(0.4), worth(0.5), Measured(0.1, -0.02, 0.2), ("affine", Measured(1, 1, 1)), 0.8)

    assert "the gain is -0.020 to +0.200, so it may be chance: more items, or judged queries" in reason


def test_a_policy_is_tried_on_what_it_has_learned_from_by_so_large_a_share_as_an_upgrade_reads() -> None:
    draw = np.random.default_rng(5)
    old, new = (unit_rows(draw.normal(size=(600, 120))) for _ in range(2))  # with nothing in common
    anchors = Anchors(old, new, np.repeat(np.arange(200), 3))
    asked = Asked(old[2::3][:50], new[2::3][:50])
    gains = [{number: 1.0} for number in range(50)]
    parts = split(anchors)
    learned = parts.arrays(anchors)
    state = compatibility.fit("subspace", learned["old"], learned["new"])
    fits = [compatibility.fit("subspace", learned["old"][one], learned["new"][one]) for one in parts.learned]
    states = {"subspace": [*fits, state]}

    def kept(**how: Any) -> float:
        found = compare(trial(anchors, parts, **how), states, 0.8).tried[0].translated
        assert found is not None
        return found.kept.value

    judged = {"asked": asked, "gains": gains}
    assert kept(**judged) < 0.1
    assert 0.2 < kept(**judged, seen=0.5) < 0.8
    assert kept(**judged, seen=1.0) > 0.9


def test_a_content_that_asks_is_led_by_what_has_not_learned_from_it() -> None:
    anchors = halves_and_wholes(noise=0.1)
    parts = split(anchors)
    whole = trial(anchors, parts, seen=1.0)
    judged = trial(anchors, parts, Asked(anchors.old[:1], anchors.new[:1]), [{0: 1.0}])

    assert whole.led_by.tolist() == [item % 5 for item in range(ITEMS)]
    assert set(whole.read_by) == {5}, "all are read by what has learned from all"
    assert judged.led_by.tolist() == [5]
    assert judged.read_by.tolist() == [item % 5 for item in range(ITEMS)]


def test_an_interval_is_wider_for_halves_and_for_a_sample_of_a_larger_collection() -> None:
    anchors = halves_and_wholes(noise=0.1)
    parts = split(anchors)
    judged = {
        "asked": Asked(anchors.old[:300:3], anchors.new[:300:3]),
        "gains": [{n: 1.0} for n in range(100)],
    }

    def reach(seen: float, **how: Any) -> float:
        tried = trial(anchors, parts, seen=seen, **how)
        kept = tried.worth(tried.old).kept
        return kept.high - kept.value

    of_judged = reach(1.0, **judged)
    assert reach(0.25, **judged) == pytest.approx(np.hypot(of_judged, 1.96 * 2 * 0.03), abs=1e-6)
    assert trial(anchors, parts, seen=1.0).apart == 0.06
    assert reach(0.25) > reach(1.0) > 1.96 * 0.06


def test_a_text_that_shares_no_word_with_another_item_asks_for_itself() -> None:
    anchors = halves_and_wholes(noise=0.1)
    assert anchors.words is not None
    words = anchors.words.copy()
    words[7] = 0
    tried = trial(replace(anchors, words=words), split(anchors))
    unworded = trial(replace(anchors, words=None), split(anchors))

    assert tried.hidden is not None
    assert unworded.hidden is not None
    assert tried.gains[7] == {7: 1.0}
    assert not tried.hidden[7].any()
    assert 8 not in tried.gains[8]
    assert np.flatnonzero(tried.hidden[8]).tolist() == [8]
    assert list(unworded.gains) == [{item: 1.0} for item in range(ITEMS)]
