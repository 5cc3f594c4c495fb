"""The same things for an old encoder and for a new one, and what every map between the two has to do."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.methods.compatibility import TRANSLATE, compatibilities, fit
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


def check_both_directions(name: str) -> None:
    """A map brings new queries to old vectors, and stored vectors to new queries."""
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


def check_turned_space(name: str) -> None:
    """A map of a space that was only turned loses nothing."""
    new = things(ANCHORS, seed=1)[1]
    turned = np.linalg.qr(DRAW.normal(size=(NEW, NEW)))[0]
    learned = dict(fit(name, unit_rows(new @ turned), new))
    asked = things(60, seed=2)[1]

    translated = compatibilities.form(TRANSLATE, name)(unit_rows(asked @ turned), learned)

    assert found_first(asked, translated) == 1


def check_repeated_fit(name: str) -> None:
    """A map is fitted the same again."""
    first, second = (fit(name, *things(ANCHORS, seed=1)) for _ in range(2))

    assert all(np.array_equal(first[key], second[key]) for key in first)
