"""Rows of one table for the values of categorical features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback_lab.methods.feature_tables import Columns, embedded, feature_tables, hashed

COLUMNS: Columns = {
    "page": [f"p{n % 7}" for n in range(200)],
    "user": [f"u{n}" for n in range(200)],
}


def rows(method: str, size: int = 500, columns: Columns = COLUMNS, **parameters: Any) -> Any:
    return feature_tables.configure(method, parameters)(columns, size)


def test_a_value_has_a_row_for_each_lookup_by_a_hash_function_of_the_feature_and_the_lookup() -> None:
    found = rows("multiplexed", lookups=2)

    assert (found.shape, found.dtype) == ((200, 4), np.int64)
    assert (found >= 0).all()
    assert (found < 500).all()
    expected = [hashed(f"0 {name} {n}", COLUMNS[name], 500) for name in ("page", "user") for n in range(2)]
    assert (found == np.stack(expected, axis=1)).all()
    assert all((found[:7] == found[7:14])[:, place].all() for place in (0, 1)), "of the same pages"
    assert len({tuple(row) for row in found[:, 2:].tolist()}) == 200, "two rows tell users apart"


def test_hashes_are_the_same_everywhere_and_spread_evenly() -> None:
    values = [str(n) for n in range(20_000)]

    counts = np.bincount(hashed("0 user 0", values, 100), minlength=100)

    assert hashed("0 user 0", ["a", "b", "a", ""], 1000).tolist() == [380, 375, 380, 917]
    assert counts.min() > 140
    assert counts.max() < 260
    others = hashed("0 user 1", values, 100)
    assert np.corrcoef(hashed("0 user 0", values, 100), others)[0, 1] == pytest.approx(0, abs=0.03)


def test_the_same_value_of_two_features_has_rows_of_its_own_in_each() -> None:
    same = [str(n) for n in range(1000)]

    found = rows("multiplexed", 1000, {"a": same, "b": same})

    assert (found[:, 0] == found[:, 1]).mean() < 0.01


def test_single_features_may_have_more_lookups_and_the_seed_changes_all() -> None:
    wide = rows("multiplexed", lookups_of={"user": 3})

    assert wide.shape == (200, 4)
    assert (wide[:, :2] == rows("multiplexed")).all()
    assert (rows("multiplexed", seed=1) != rows("multiplexed")).mean() > 0.9


def test_separate_tables_share_no_row_and_are_sized_by_their_shares() -> None:
    even, uneven = rows("separate"), rows("separate", shares={"page": 1, "user": 9})

    assert even[:, 0].max() < 250 <= even[:, 1].min()
    assert uneven[:, 0].max() < 51 <= uneven[:, 1].min()
    assert uneven.max() < 500
    tiny = rows("separate", size=2, shares={"page": 1, "user": 1e9})
    assert (set(tiny[:, 0]), set(tiny[:, 1])) == ({0}, {1})


@pytest.mark.parametrize("method", feature_tables.names())
def test_vectors_are_the_rows_one_after_another(method: str) -> None:
    table = np.random.default_rng(0).standard_normal((500, 3)).astype(np.float32)
    found = rows(method)

    vectors = embedded(found, table)

    assert vectors.shape == (200, 6)
    assert (vectors[5] == np.concatenate([table[found[5, 0]], table[found[5, 1]]])).all()


@pytest.mark.parametrize("method", feature_tables.names())
def test_columns_that_do_not_go_together_are_refused(method: str) -> None:
    with pytest.raises(InvalidInput, match="'b' has 2 values, and others have 1") as refusal:
        rows(method, 10, {"a": ["x"], "b": ["x", "y"]})
    assert str(refusal.value.field) == 'columns["b"]'
    with pytest.raises(InvalidInput, match="no features"):
        rows(method, 10, {})
    with pytest.raises(InvalidInput, match="too small"):
        rows(method, 0, {"a": ["x"]})


def test_features_that_are_not_there_have_no_lookups_and_no_share() -> None:
    with pytest.raises(InvalidInput, match="no feature 'c'") as refusal:
        rows("multiplexed", lookups_of={"c": 2})
    assert str(refusal.value.field) == 'parameters.lookups_of["c"]'
    with pytest.raises(InvalidInput, match="a share for each of page, user") as refusal:
        rows("separate", shares={"page": 1})
    assert str(refusal.value.field) == "parameters.shares"
