"""The measures of quality are those of the literature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tieback.models.encoder_model import Prepared

from benchmarks.__main__ import main
from benchmarks.judged_texts import AS_UNDER_LOAD, Batching, batches, lost
from benchmarks.measures import ndcg, spearman

pytestmark = pytest.mark.all


def test_spearmans_correlation_is_that_of_ranks_and_equal_values_share_theirs() -> None:
    assert spearman([1, 2, 3, 4], [10, 100, 1000, 10000]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486833)


def test_ndcg_is_1_for_the_best_order_and_discounts_by_rank() -> None:
    gains = {0: 3.0, 2: 1.0}

    assert ndcg(np.array([0.9, 0.1, 0.5]), gains) == pytest.approx(1)
    assert ndcg(np.array([0.1, 0.9, 0.5]), gains) == pytest.approx(
        (1 / np.log2(3) + 3 / 2) / (3 + 1 / np.log2(3))
    )
    assert ndcg(np.arange(20.0), {0: 1.0}) == 0, "only ten count"


def test_batches_hold_the_padding_they_are_allowed() -> None:
    prepared = [Prepared(tokens, None) for tokens in (10, 10, 200, 300, 400)]

    assert list(batches(range(5), prepared, AS_UNDER_LOAD)) == [[0, 1], [2], [3], [4]]
    assert list(batches(range(5), prepared, Batching(2))) == [[0, 1], [2, 3], [4]]


def test_the_interval_of_what_is_lost_holds_what_is_lost() -> None:
    exact = np.random.default_rng(0).random(200)

    found = lost(exact, 0.9 * exact)

    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)


def test_a_folder_of_another_layout_ends_the_program_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="not laid out as --help says"):
        main(["quantisation", "--data", str(tmp_path)])
