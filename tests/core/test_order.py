"""One order for everything that has scores: best first, and by id where scores are equal."""

import numpy as np
from tieback.core.order import MOST_EQUAL, ROUNDING, best, best_first, first_of_best, level, with_equal
from tieback_contract.arrays import Array

NOISE = 3e-7


def test_scores_that_differ_by_rounding_alone_are_ordered_by_id() -> None:
    ids = "dbac"
    for sign in (1, -1):
        scores = np.array([0.5, 0.5 + sign * NOISE, 0.7, 0.5 - sign * NOISE], np.float32)

        order = best_first(scores, ids.__getitem__)

        assert [ids[place] for place in order] == ["a", "b", "c", "d"]
        assert best_first(scores, ids.__getitem__, 2) == order[:2]


def test_equal_scores_become_one_score_and_others_stay_as_they_are() -> None:
    scores = np.array([0.2, 0.9, 0.2 + NOISE, np.nan, -np.inf, 0.3])

    levelled = level(scores)

    np.testing.assert_array_equal(levelled, [0.2 + NOISE, 0.9, 0.2 + NOISE, np.nan, -np.inf, 0.3])
    apart = np.array([1.0, 1.0 - 3 * ROUNDING])
    assert level(apart) is apart


def test_scores_without_one_that_counts_keep_the_order_of_their_ids() -> None:
    for scores in (np.zeros(0), np.zeros(3), np.full(3, -np.inf), np.full(3, np.nan)):
        assert best_first(scores, lambda place: place) == list(range(len(scores)))


def test_all_that_are_equal_to_the_last_of_the_best_are_kept() -> None:
    scores = np.array([0.9, 0.5, 0.5 + NOISE, 0.1])

    assert best(scores, 2).tolist() == [True, True, True, False]
    assert best(scores, 1).tolist() == [True, False, False, False]
    assert best(scores, 9).all()
    assert first_of_best(np.array([0.5, 0.9, 0.9 + NOISE, -np.inf])) == 1


def test_a_search_is_asked_for_more_only_where_the_cut_is_between_equal_scores() -> None:
    asked: list[int] = []

    def searched(scores: Array, limit: int) -> list[int]:
        asked.clear()

        def find(most: int) -> tuple[Array, Array]:
            asked.append(most)
            places = np.argsort(-scores, kind="stable")[:most]
            return places, scores[places]

        return sorted(with_equal(find, limit)[0].tolist())

    descending = np.linspace(1, 0, 50)
    assert searched(descending, 10) == list(range(10))
    assert asked == [11]
    equal = descending.copy()
    equal[5:30] = 0.9 + NOISE * np.arange(25)
    assert searched(equal, 10) == list(range(30))
    assert searched(descending, 80) == list(range(50))
    assert len(searched(np.ones(5 * MOST_EQUAL), 10)) == MOST_EQUAL + 11
