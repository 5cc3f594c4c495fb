"""What an upgrade measures, and on what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tieback.core.types.moving import Anchors
from tieback.methods.projection import unit_rows
from tieback.operations.upgrades.measures import MeasuredRecall, Parts, mapped, measured, split
from tieback.operations.upgrades.work import Work

ROWS = unit_rows(np.random.default_rng(0).normal(size=(40, 6)))


def test_a_recall_has_the_interval_of_wilson() -> None:
    half = MeasuredRecall.of(np.array([True, False] * 50))
    every, none = MeasuredRecall.of(np.ones(10, bool)), MeasuredRecall.of(np.zeros(10, bool))

    assert (half.value, half.low, half.high) == pytest.approx((0.5, 0.4038, 0.5962), abs=1e-4)
    assert (every.value, every.low, every.high) == pytest.approx((1.0, 0.7225, 1.0), abs=1e-4)
    assert (none.low, none.high) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_what_is_learned_once_learns_from_no_item_that_it_is_measured_on_and_from_equal_pairs_once() -> None:
    items = np.repeat(np.arange(20), 2)
    rows = ROWS.copy()
    rows[4] = rows[2]  # of the items 2 and 1

    parts = split(Anchors(rows, rows, items), folds=1)
    judged = split(Anchors(rows, rows, items), {1, 2}, folds=1)

    assert set(items[parts.held_out]) == {0, 5, 10, 15}
    assert set(items[judged.held_out]) == {0, 1, 2, 5, 10, 15}, "judged items are not learned from"
    assert set(items[parts.training]).isdisjoint(items[parts.held_out])
    assert len(parts.training) == 31
    assert parts.classes is None
    assert parts.arrays(Anchors(rows, rows, items)).keys() == {"old", "new"}


def test_every_item_is_measured_on_by_what_has_not_learned_from_it_and_learned_from_in_the_end() -> None:
    items = np.repeat(np.arange(20), 2)

    parts = split(Anchors(ROWS, ROWS, items), {1, 2})

    assert (len(parts.training), len(parts.held_out), len(parts.learned)) == (40, 40, 5)
    assert sorted(np.unique(parts.by_fold, return_counts=True)[1].tolist()) == [8] * 5
    for fold, learned in enumerate(parts.learned):
        assert len(learned) == 32
        assert set(items[parts.training[learned]]).isdisjoint(items[parts.held_out[parts.by_fold == fold]])


def test_contents_are_mapped_by_the_state_of_their_fold() -> None:
    anchors = Anchors(ROWS, ROWS, np.arange(40))
    parts = split(anchors)
    states = [{"factor": np.full(1, fold, np.float32)} for fold in range(5)]

    rows = mapped(lambda vectors, state: vectors * state["factor"], anchors, parts, states)

    assert rows == pytest.approx(ROWS * (np.arange(40) % 5)[:, None])


def test_labels_become_numbers_of_what_is_learned_from() -> None:
    anchors = Anchors(ROWS, ROWS, np.arange(40), ["b", "a"] * 20)

    parts = split(anchors, folds=1)

    assert parts.classes is not None
    assert parts.classes[:4].tolist() == [1, 0, 1, 0]
    assert len(parts.arrays(anchors)["classes"]) == len(parts.training)


def test_without_labels_a_half_seeks_its_other_half() -> None:
    old = np.repeat(ROWS[:20], 3, axis=0)  # the halves of a text are equal in the old space
    new = old.copy()
    new[4] = -new[4]  # and one is lost in the new one
    rows = np.concatenate([new, np.zeros((60, 2), np.float32)], axis=1)
    parts = Parts(np.zeros(0, np.int64), np.arange(60), None)

    found = measured(Anchors(old, new, np.repeat(np.arange(20), 3)), parts, rows)

    assert {name: one.value for name, one in found.items()} == {
        "old_old": 1.0,
        "new_old": 1.0,
        "new_new": 0.95,
        "native": 0.95,
    }


def test_a_text_too_short_for_halves_seeks_nothing_unless_hardly_any_is_longer() -> None:
    rows = np.repeat(ROWS[:20], 3, axis=0)
    rows[1::3] = -rows[1::3]  # no half finds its other half
    rows[31::3] = rows[32::3]  # of the last ten, the whole stands in place of both
    parts = Parts(np.zeros(0, np.int64), np.arange(60), None)

    def found(cut: np.ndarray) -> float:
        anchors = Anchors(rows, rows, np.repeat(np.arange(20), 3), cut=cut)
        return measured(anchors, parts, rows)["native"].value

    assert found(np.arange(20) < 10) == 0.0
    assert found(np.arange(20) < 9) == 0.5


def test_with_labels_a_content_seeks_another_one_of_its_label_and_never_itself() -> None:
    middle = np.eye(2, 6, dtype=np.float32)
    classes = np.array([0, 0, 1, 1, 1])
    rows = unit_rows(middle[classes] + 0.01 * ROWS[:5])
    alone = np.array([0, 1, 2, 2, 2])

    parts = [Parts(np.zeros(0, np.int64), np.arange(5), labels) for labels in (classes, alone)]
    found = [measured(Anchors(rows, rows, np.arange(5)), one, rows)["new_new"].value for one in parts]

    assert found == [1.0, 0.6]


def test_pages_keep_the_words_and_halves_of_their_texts_and_what_is_learned_by_labels_has_none(
    tmp_path: Path,
) -> None:
    words, cut = np.array([[1, 2], [3, 0]], np.int32), np.array([True, False])
    page = Anchors(ROWS[:6], ROWS[:6], np.repeat(np.arange(2), 3), words=words, cut=cut)
    work, labelled = Work(tmp_path / "texts"), Work(tmp_path / "photos")
    work.choose("key", ["a", "b", "c", "d"], 0)
    labelled.choose("key", ["a"], 0)

    work.add(page, 0, 1.0)
    work.add(page, 2, 1.0)
    labelled.add(Anchors(ROWS[:1], ROWS[:1], np.zeros(1, np.int64), ["owl"]), 0, 1.0)

    found, of_labels = work.anchors()[0], labelled.anchors()[0]
    assert found.words is not None
    assert found.cut is not None
    assert found.words.tolist() == [[1, 2], [3, 0], [1, 2], [3, 0]]
    assert found.cut.tolist() == [True, False, True, False]
    assert (of_labels.words, of_labels.cut) == (None, None)
