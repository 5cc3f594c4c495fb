"""Questions whether objects are in photos: what is asked, and how answers are counted."""

from __future__ import annotations

import pytest

from benchmarks.object_questions import answered
from benchmarks.objects.questions import NEGATIVES, Question, best_threshold, questions_of, score_of

pytestmark = pytest.mark.all

SHOWN = {
    "a": frozenset({"person", "bicycle"}),
    "b": frozenset({"person", "bicycle", "helmet"}),
    "c": frozenset({"person"}),
    "d": frozenset({"cake"}),
    "e": frozenset({"cake", "fork", "spoon"}),
}


def negatives(photo: str, kind: str) -> list[str]:
    asked = questions_of(SHOWN, 0)
    return [one.name for one in asked if (one.photo, one.kind) == (photo, kind) and not one.is_there]


def test_as_many_absent_objects_are_asked_for_as_present_ones() -> None:
    asked = questions_of(SHOWN, 0)

    for kind in NEGATIVES:
        own = [one for one in asked if one.kind == kind]
        assert sum(one.is_there for one in own) * 2 == len(own)
    assert all((one.name in SHOWN[one.photo]) is one.is_there for one in asked)


def test_popular_negatives_are_frequent_and_adversarial_ones_are_beside_what_is_there() -> None:
    assert negatives("c", "popular") in (["bicycle"], ["cake"])
    assert negatives("c", "adversarial") == ["bicycle"]
    assert negatives("d", "popular") == ["person"]
    assert negatives("d", "adversarial") == ["fork"]


def test_the_threshold_is_where_most_answers_are_right() -> None:
    threshold = best_threshold([0.9, 0.8, 0.4, 0.3, 0.1], [True, True, False, True, False])

    assert 0.4 < threshold < 0.8
    assert best_threshold([0.5, 0.4], [False, False]) > 0.5
    assert best_threshold([0.5, 0.4], [True, True]) <= 0.4


def test_accuracy_f1_and_the_share_of_yes_are_counted() -> None:
    asked = [Question(photo, "x", "random", there) for photo in "ab" for there in (True, True, False, False)]

    score = score_of(asked, [True, False, True, False] * 2)

    assert (score.accuracy[0], score.f1[0], score.yes, score.questions) == (0.5, 0.5, 0.5, 8)
    assert score.accuracy[1:] == (0.5, 0.5), "both photos are alike"


def test_a_way_is_measured_on_photos_that_its_threshold_was_not_chosen_by() -> None:
    asked = questions_of(SHOWN, 0)
    names = {name for there in SHOWN.values() for name in there}
    right = {photo: {name: float(name in there) for name in names} for photo, there in SHOWN.items()}

    rows = answered("right", right, asked)

    assert [row["negatives"] for row in rows] == [*NEGATIVES, "all"]
    assert {row["accuracy"] for row in rows} == {1.0}
    assert rows[-1]["questions"] == sum(one.photo in "bd" for one in asked)
    assert rows[-1]["yes"] == pytest.approx(0.5)
