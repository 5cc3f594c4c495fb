"""Vectors of a new encoder that compare with those of an old one."""

from __future__ import annotations

import numpy as np
import pytest
from support.each import each
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.compatibility import (
    AS_TRAINED,
    TRANSLATE,
    compatibilities,
    fit,
    padded,
    shared,
    translates,
)
from tieback.methods.projection import unit_rows

OLD, NEW, ANCHORS = 8, 12, 300
DRAW = np.random.default_rng(0)
SEES = DRAW.normal(size=(NEW, OLD))
TURN = np.linalg.qr(DRAW.normal(size=(NEW, NEW)))[0]


def things(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same things for an old encoder, which sees a part of them and bends it, and for a new one."""
    seen = np.random.default_rng(seed).normal(size=(count, NEW))
    return unit_rows(np.tanh(seen @ SEES / 2)), unit_rows(seen @ TURN)


def found_first(queries: np.ndarray, gallery: np.ndarray) -> float:
    return float(np.mean((queries @ gallery.T).argmax(axis=1) == np.arange(len(queries))))


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
    learned = dict(fit(name, *things(ANCHORS, seed=1)))
    old, new = things(60, seed=2)

    led = compatibilities.get(name)(new, learned)
    translated = compatibilities.form(TRANSLATE, name)(old, learned)

    assert (led.shape, translated.shape) == (old.shape, new.shape)
    for rows in (led, translated):
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert found_first(led, old) >= 0.8
    assert found_first(new, translated) >= 0.7, "the old space has less than the new one"


@each("name", MAPS)
def test_a_map_of_a_space_that_was_only_turned_loses_nothing(name: str) -> None:
    new = things(ANCHORS, seed=1)[1]
    turned = np.linalg.qr(DRAW.normal(size=(NEW, NEW)))[0]
    learned = dict(fit(name, unit_rows(new @ turned), new))
    asked = things(60, seed=2)[1]

    translated = compatibilities.form(TRANSLATE, name)(unit_rows(asked @ turned), learned)

    assert found_first(asked, translated) == 1


@each("name", MAPS)
def test_a_map_is_fitted_the_same_again(name: str) -> None:
    first, second = (fit(name, *things(ANCHORS, seed=1)) for _ in range(2))

    assert all(np.array_equal(first[key], second[key]) for key in first)
