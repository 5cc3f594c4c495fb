"""Vectors of a new encoder that compare with those of an old one, by the lab's policies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.upgraded_things import (
    ANCHORS,
    NEW,
    OLD,
    SEES,
    TURN,
    check_both_directions,
    check_repeated_fit,
    check_turned_space,
    found_first,
    things,
)
from tieback.core.errors import NotFound
from tieback.methods.compatibility import (
    TRANSLATE,
    compatibilities,
    fit,
    padded,
    shared,
    translates,
)
from tieback.methods.projection import unit_rows

QUICK: dict[str, Any] = {"extra": 6, "hidden": 16, "steps": 60, "batch": 64}


def of_classes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Things of four classes around a middle each, and their classes."""
    draw = np.random.default_rng(seed)
    classes = draw.integers(0, 4, count)
    seen = 1.5 * np.random.default_rng(9).normal(size=(4, NEW))[classes] + draw.normal(size=(count, NEW))
    return unit_rows(np.tanh(seen @ SEES / 2)), unit_rows(seen @ TURN), classes


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return dict(fit("oca", *things(ANCHORS, seed=1), parameters=QUICK))


def test_mapped_vectors_have_length_one_and_the_old_width_with_the_extra_one(state: Any) -> None:
    mapped = compatibilities.get("oca")(things(50, seed=2)[1], state)

    assert mapped.shape == (50, OLD + 6)
    assert np.linalg.norm(mapped, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(shared(mapped, OLD), axis=1) == pytest.approx(1, abs=1e-5)


def test_leading_dimensions_find_the_old_vectors_of_things_that_were_not_learned(state: Any) -> None:
    old, new = things(60, seed=2)
    leading = shared(compatibilities.get("oca")(new, state), OLD)

    assert found_first(leading, old) >= 0.9
    assert found_first(unit_rows(new[:, :OLD]), old) <= 0.2, "without the transform they say nothing"


def test_padded_old_vectors_are_in_the_order_of_the_leading_dimensions(state: Any) -> None:
    old, new = things(60, seed=2)
    mapped = compatibilities.get("oca")(new, state)

    whole = padded(old, mapped.shape[1])

    assert whole[:, :OLD] == pytest.approx(old)
    assert not whole[:, OLD:].any()
    lengths = np.linalg.norm(mapped[:, :OLD], axis=1, keepdims=True)
    assert mapped @ whole.T == pytest.approx(lengths * (shared(mapped, OLD) @ old.T), abs=1e-6)


def test_without_classes_mapped_vectors_keep_the_neighbours_of_the_new_encoder(state: Any) -> None:
    _, new = things(80, seed=3)
    mapped = compatibilities.get("oca")(new, state)
    products = [rows @ rows.T for rows in (new, mapped, shared(mapped, OLD))]
    places = np.triu_indices(80, 1)

    kept, by_leading = (np.corrcoef(products[0][places], one[places])[0, 1] for one in products[1:])

    assert kept >= 0.75
    assert kept > by_leading


def test_with_classes_the_new_vectors_tell_them_apart_and_are_found_among_the_old() -> None:
    state = fit("oca", *of_classes(ANCHORS, seed=1), parameters=QUICK | {"steps": 600})
    old, new, classes = of_classes(200, seed=2)
    mapped = compatibilities.get("oca")(new, state)

    def right(queries: np.ndarray, gallery: np.ndarray) -> float:
        scores = queries @ gallery.T
        np.fill_diagonal(scores, -np.inf)
        return float(np.mean(classes[scores.argmax(axis=1)] == classes))

    assert right(shared(mapped, OLD), old) >= right(old, old)
    assert right(mapped, mapped) >= right(new, new)


def test_the_names_of_classes_do_not_matter() -> None:
    old, new, classes = of_classes(ANCHORS, seed=1)

    first = fit("oca", old, new, classes, QUICK)
    other = fit("oca", old, new, 7 * classes + 100, QUICK)

    for name in first:
        assert (first[name] == other[name]).all()


def test_no_steps_leave_the_ridge_regression_beside_directions_of_the_new_space() -> None:
    old, new = things(ANCHORS, seed=1)

    state = fit("oca", old, new, parameters=QUICK | {"steps": 0})

    extra = new @ state["map"][:, OLD:]
    assert not state["second"].any()
    assert state["map"][:, OLD:].T @ state["map"][:, OLD:] == pytest.approx(np.eye(6), abs=1e-5)
    assert np.square(extra).sum() >= np.square(new @ TURN[:, :6]).sum() - 1e-3
    assert found_first(shared(compatibilities.get("oca")(new, state), OLD)[:60], old[:60]) >= 0.8


def test_a_new_space_that_is_wider_widens_the_vectors() -> None:
    old, new = things(ANCHORS, seed=1)

    state = fit("oca", old, new, parameters=QUICK | {"extra": 0})

    assert state["map"].shape == (NEW, NEW)


def test_the_seed_decides_and_an_interrupted_fit_ends_as_if_undisturbed(tmp_path: Path) -> None:
    anchors = things(ANCHORS, seed=1)
    longer = QUICK | {"steps": 160}

    class Interrupted(Exception):
        pass

    def stop(share: float, _: str) -> None:
        if share > 0.7:
            raise Interrupted

    with pytest.raises(Interrupted):
        fit("oca", *anchors, parameters=longer, seed=3, checkpoint=tmp_path / "one", progress=stop)
    assert (tmp_path / "one").exists()
    shares: list[float] = []
    again = fit(
        "oca", *anchors, parameters=longer, seed=3, checkpoint=tmp_path / "one",
        progress=lambda share, _: shares.append(share),
    )  # fmt: skip
    undisturbed = fit("oca", *anchors, parameters=longer, seed=3)
    other = fit("oca", *anchors, parameters=longer, seed=4)

    assert shares[0] > 0.5
    for name in undisturbed:
        assert (again[name] == undisturbed[name]).all()
    assert (other["first"] != undisturbed["first"]).any()


def test_serving_it_imports_no_torch() -> None:
    program = (
        "import sys; from tieback.methods.compatibility import compatibilities, FIT; "
        "compatibilities.get('oca'); compatibilities.form(FIT, 'oca', {'extra': 3}); "
        "print('torch' in sys.modules)"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert told == "False\n"


MAPS = ["affine", "local_mixture"]


@each("name", MAPS)
def test_a_map_brings_new_queries_to_old_vectors_and_stored_vectors_to_new_queries(name: str) -> None:
    check_both_directions(name)


@each("name", MAPS)
def test_a_map_of_a_space_that_was_only_turned_loses_nothing(name: str) -> None:
    check_turned_space(name)


@each("name", MAPS)
def test_a_map_is_fitted_the_same_again(name: str) -> None:
    check_repeated_fit(name)


def test_trained_policies_translate_nothing() -> None:
    assert not translates("oca")
    with pytest.raises(NotFound, match="translate"):
        compatibilities.form(TRANSLATE, "oca")
