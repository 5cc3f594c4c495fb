"""The measures of the binding benchmark are those of the literature."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measures import average_precisions, chance_precision, ndcg, spearman
from benchmarks.statistics import interval, paired

pytestmark = pytest.mark.all


def test_average_precision_is_the_mean_of_precision_where_something_was_found() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4]])
    relevant = np.array([[True, False, True, False], [True, True, False, False]])

    assert average_precisions(scores, relevant) == pytest.approx([(1 + 2 / 3) / 2, (1 / 3 + 2 / 4) / 2])
    nothing = np.zeros((1, 4), bool)
    assert len(average_precisions(scores[:1], nothing)) == 0, "a query with nothing to find does not count"


def test_equal_scores_keep_their_order() -> None:
    assert average_precisions(np.zeros((1, 3)), np.array([[False, False, True]])) == pytest.approx([1 / 3])


def test_chance_is_what_random_orders_reach() -> None:
    one_of_four = np.array([[True, False, False, False]])

    assert chance_precision(one_of_four, draws=4000) == pytest.approx(
        (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, abs=0.01
    )


def test_ndcg_and_spearman_are_the_usual_ones() -> None:
    assert ndcg(np.array([0.1, 0.9, 0.5]), {0: 3.0, 2: 1.0}) == pytest.approx(
        (1 / np.log2(3) + 3 / 2) / (3 + 1 / np.log2(3))
    )
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486833)


def test_a_paired_interval_is_narrower_than_what_queries_differ_by() -> None:
    random = np.random.default_rng(0)
    hard = random.random(60)
    better = np.clip(hard + 0.05 + 0.01 * random.normal(size=60), 0, 2)

    one = paired(better, hard)

    assert one.value == pytest.approx(0.05, abs=0.005)
    assert 0.04 < one.low < one.value < one.high < 0.06
    alone = interval(hard)
    assert alone.high - alone.low > 0.1
    assert paired(hard, better).high < 0
