"""Policies that train, and the encoders that they make: what holds to the digit, and what of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.compatibility import (
    AS_TRAINED,
    GRAPH,
    TRANSLATE,
    compatibilities,
    fit,
    needs_classes,
    padded,
    shared,
)
from tieback.methods.projection import unit_rows
from tieback_lab.methods.compatibility._first_version import first_version
from tieback_lab.methods.compatibility.bt2 import FREE, IMITATING
from tieback_lab.methods.compatibility.stationary import assigned, higher_order_contrast, simplex
from tieback_lab.methods.projection._trained import project

NEW, OLD, KNOWN, CLASSES = 12, 9, 3, 5
QUICK: dict[str, Any] = {"hidden": 16, "steps": 150, "batch": 64}
MIDDLES = 1.4 * np.random.default_rng(9).normal(size=(CLASSES, NEW))
SEES = np.random.default_rng(8).normal(size=(NEW, OLD))
TRAINED = ["bt2", "oca", "stationary"]


def things(count: int, seed: int, classes: int = CLASSES) -> tuple[np.ndarray, np.ndarray]:
    """What a new encoder says of things of that many classes, and the classes."""
    draw = np.random.default_rng(seed)
    shown = draw.integers(0, classes, count)
    return unit_rows(MIDDLES[shown] + draw.normal(size=(count, NEW))), shown


def old_of(new: np.ndarray) -> np.ndarray:
    """What an old encoder says of the same things: it sees a part, and bends it."""
    return unit_rows(np.tanh(new @ SEES))


def right(queries: np.ndarray, gallery: np.ndarray, shown: np.ndarray) -> float:
    scores = queries @ gallery.T
    np.fill_diagonal(scores, -np.inf)
    return float(np.mean(shown[scores.argmax(axis=1)] == shown))


@pytest.fixture(scope="module")
def bt2() -> dict[str, np.ndarray]:
    new, shown = things(400, seed=1)
    return dict(fit("bt2", old_of(new), new, shown, QUICK | {"added": 4, "scale": 3.0}))


@pytest.fixture(scope="module")
def versions() -> list[dict[str, np.ndarray]]:
    """Of the simplex: one that knows three classes, and later ones that know five, without and with HOC."""
    known, shown = things(300, seed=2, classes=KNOWN)
    new, every = things(400, seed=1)
    first = first_version("stationary", known, shown, QUICK | {"allocated": OLD + 1})
    before = compatibilities.get("stationary")(new, first)
    later = [fit("stationary", before, new, every, QUICK | {"contrast": one}, seed=5) for one in (0.0, 0.1)]
    return [dict(one) for one in (first, *later)]


def test_a_change_of_basis_keeps_the_products_of_both_parts_whatever_the_old_space_got(bt2: Any) -> None:
    new, _ = things(50, seed=3)
    parts = [
        project(new, {name.removeprefix(prefix): one for name, one in bt2.items() if name.startswith(prefix)})
        for prefix in (IMITATING, FREE)
    ]

    mapped = compatibilities.get("bt2")(new, bt2)

    imitating, free = (rows @ rows.T for rows in parts)
    assert mapped @ mapped.T == pytest.approx((imitating + 9 * free) / 10, abs=1e-5)
    assert mapped.shape == (50, NEW + 4)


def test_the_basis_is_orthogonal_but_for_the_scale_of_the_new_part(bt2: Any) -> None:
    scaled = np.diag([1.0] * 4 + [1 / 9] * NEW)

    assert bt2["basis"].T @ scaled @ bt2["basis"] == pytest.approx(np.eye(NEW + 4), abs=1e-4)


def test_bt2_finds_among_old_vectors_what_the_old_encoder_finds_and_loses_nothing(bt2: Any) -> None:
    new, shown = things(400, seed=3)
    old, mapped = old_of(new), compatibilities.get("bt2")(new, bt2)

    assert right(shared(mapped, OLD), old, shown) >= right(old, old, shown)
    assert right(mapped, mapped, shown) >= right(new, new, shown) - 0.01
    assert right(new[:, :OLD], old, shown) < right(old, old, shown) - 0.2, "by itself it says little"


def test_bt2_takes_as_many_dimensions_as_the_new_space_lacks() -> None:
    new, shown = things(100, seed=1)
    wide = unit_rows(np.random.default_rng(3).normal(size=(100, NEW + 6)))

    lacking = fit("bt2", wide, new, shown, QUICK | {"added": 1, "steps": 0})
    at_most = fit("bt2", old_of(new), new, None, QUICK | {"added": 4000, "steps": 0})

    assert lacking["basis"].shape == (NEW + 6, NEW + 6)
    assert at_most["basis"].shape == (NEW + OLD, NEW + OLD)


@pytest.mark.parametrize("vertices", [3, 10, 257])
def test_all_vertices_of_the_simplex_are_as_far_from_each_other(vertices: int) -> None:
    found = simplex(vertices)

    wanted = np.full((vertices, vertices), -1 / (vertices - 1))
    np.fill_diagonal(wanted, 1)
    assert found.shape == (vertices, vertices - 1)
    assert found @ found.T == pytest.approx(wanted, abs=1e-5)
    assert np.array_equal(found, simplex(vertices))


def test_a_later_version_takes_the_vertices_of_the_classes_that_the_first_one_knows(versions: Any) -> None:
    new, shown = things(400, seed=1)

    vertices = assigned(compatibilities.get("stationary")(new, versions[0]), shown)

    assert vertices[:KNOWN].tolist() == list(range(KNOWN))
    assert len(set(vertices.tolist())) == CLASSES


def test_versions_of_one_simplex_are_comparable_and_more_so_by_contrast(versions: Any) -> None:
    new, shown = things(500, seed=4)
    first, plain, contrasted = (compatibilities.get("stationary")(new, one) for one in versions)
    known = shown < KNOWN

    old = right(first[known], first[known], shown[known])
    assert right(contrasted[known], first[known], shown[known]) >= old - 0.02
    assert right(contrasted, first, shown) > right(plain, first, shown)


def test_the_contrast_is_that_of_the_paper() -> None:
    draw = np.random.default_rng(0)
    new, old = unit_rows(draw.normal(size=(4, 3))), unit_rows(draw.normal(size=(4, 3)))
    shown = [0, 0, 1, 2]

    def of(place: int) -> float:
        others = [np.exp(7 * old[place] @ new[one]) for one in range(4) if shown[one] != shown[place]]
        return float(-7 * new[place] @ old[place] + np.log(sum(others)))

    sides = torch.from_numpy(new), torch.from_numpy(old)
    found = higher_order_contrast(*sides, torch.tensor(shown), 7.0)
    alone = higher_order_contrast(*sides, torch.zeros(4, dtype=torch.int64), 7.0)

    assert float(found) == pytest.approx(np.mean([of(place) for place in range(4)]), abs=1e-5)
    assert float(alone) == pytest.approx(-7 * float((new * old).sum()) / 4, abs=1e-5)


def test_what_the_simplex_cannot_learn_is_refused() -> None:
    new, shown = things(60, seed=1)

    with pytest.raises(InvalidInput, match="learns from classes") as refusal:
        fit("stationary", old_of(new), new)
    assert str(refusal.value.field) == "classes"
    with pytest.raises(InvalidInput, match=r"4 wide and has 5 vertices; there are 60 classes"):
        fit("stationary", unit_rows(new[:, :4]), new, np.arange(60))
    with pytest.raises(InvalidInput, match="5 classes, and 4 vertices"):
        first_version("stationary", new, shown, {"allocated": 4})
    with pytest.raises(NotFound, match="first_version"):
        first_version("bt2", new, shown)
    assert [name for name in TRAINED if needs_classes(name)] == ["stationary"]


@pytest.mark.parametrize("name", TRAINED)
def test_the_graph_of_a_trained_policy_says_what_the_policy_says(name: str) -> None:
    new, shown = things(100, seed=1)
    state = fit(name, old_of(new), new, shown, QUICK | {"steps": 2})

    by_graph = compatibilities.form(GRAPH, name)(
        torch.from_numpy(new), {key: torch.from_numpy(one) for key, one in state.items()}
    )

    assert by_graph.numpy() == pytest.approx(compatibilities.get(name)(new, state), abs=1e-5)


def test_an_encoder_that_was_trained_to_be_compatible_needs_no_map(bt2: Any) -> None:
    new, _ = things(60, seed=3)
    old, mapped = old_of(new), compatibilities.get("bt2")(new, bt2)

    state = fit(AS_TRAINED, old, mapped)
    led = shared(compatibilities.get(AS_TRAINED)(mapped, state), OLD) @ old.T
    translated = mapped @ compatibilities.form(TRANSLATE, AS_TRAINED)(old, state).T

    assert compatibilities.get(AS_TRAINED)(mapped, state) == pytest.approx(mapped, abs=1e-6)
    assert np.array_equal(led.argmax(axis=1), translated.argmax(axis=1))
    assert compatibilities.form(TRANSLATE, AS_TRAINED)(old, state) == pytest.approx(padded(old, NEW + 4))
    with pytest.raises(InvalidInput, match="cannot be the old space"):
        fit(AS_TRAINED, mapped, old)
