"""Vectors of a new encoder that compare with those of an old one."""

from __future__ import annotations

import numpy as np
import pytest
from support.each import each
from support.upgraded_things import (
    ANCHORS,
    OLD,
    check_both_directions,
    check_repeated_fit,
    check_turned_space,
    things,
)
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.compatibility import (
    AS_TRAINED,
    compatibilities,
    fit,
    padded,
    shared,
    translates,
)


def test_what_cannot_be_fitted_is_refused_with_its_place() -> None:
    old, new = things(ANCHORS, seed=1)
    broken, repeated = old.copy(), old.copy()
    broken[3, 0] = np.nan
    repeated[1] = repeated[0]
    twins = new.copy()
    twins[1] = twins[0]

    for wrong, field, says in (
        ((old[:31], new[:31]), "anchors", "subspace needs 32 anchors; there are 31"),
        ((old, new[:-1]), "anchors", "as many rows on either side"),
        ((broken, new), "anchors", "row 3 .* NaN"),
        ((repeated, twins), "anchors", "the same pair"),
        ((old, new, np.zeros(ANCHORS)), "classes", "whole numbers"),
        ((old, new, np.zeros(4, np.int64)), "classes", "one for each of 300"),
        ((old, new, np.zeros(ANCHORS, np.int64)), "classes", "all anchors are of one class"),
    ):
        with pytest.raises(InvalidInput, match=says) as refusal:
            fit("subspace", *wrong)
        assert str(refusal.value.field) == field
    with pytest.raises(InvalidInput, match="its parameters are: dimensions, ridge") as refusal:
        fit("subspace", old, new, parameters={"extras": 1}, field="policy")
    assert str(refusal.value.field) == "policy.parameters.extras"
    with pytest.raises(NotFound, match="no upgrade policy is named 'subspac'; did you mean 'subspace'"):
        fit("subspac", old, new)


def test_vectors_that_are_too_narrow_to_compare_are_refused() -> None:
    with pytest.raises(InvalidInput, match="4 wide, and the old space is 8"):
        shared(np.ones((2, 4), np.float32), OLD)
    with pytest.raises(InvalidInput, match="cannot be padded to 4"):
        padded(np.ones((2, 8), np.float32), 4)


MAPS = [name for name in compatibilities.names() if translates(name) and name != AS_TRAINED]


@each("name", MAPS)
def test_a_map_brings_new_queries_to_old_vectors_and_stored_vectors_to_new_queries(name: str) -> None:
    check_both_directions(name)


@each("name", MAPS)
def test_a_map_of_a_space_that_was_only_turned_loses_nothing(name: str) -> None:
    check_turned_space(name)


@each("name", MAPS)
def test_a_map_is_fitted_the_same_again(name: str) -> None:
    check_repeated_fit(name)
