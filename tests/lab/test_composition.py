"""Hypercomplex products (method 55)."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback_lab.methods.composition import compositions, unit

# The units as complex or real 2 × 2 matrices, whose matrix product is the algebra's.
MATRICES = {
    "hamilton": np.array([[[1, 0], [0, 1]], [[1j, 0], [0, -1j]], [[0, 1], [-1, 0]], [[0, 1j], [1j, 0]]]),
    "dihedron": np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[0, 1], [1, 0]], [[-1, 0], [0, 1]]]),
}


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_every_composition_is_checked_against_matrices() -> None:
    assert set(MATRICES) == set(compositions.names())


@pytest.mark.parametrize("name", compositions.names())
def test_a_product_is_the_product_of_the_matrices_that_stand_for_its_numbers(name: str) -> None:
    things, relations = drawn(0, 9, 4, 5), drawn(1, 9, 4, 5)

    product = compositions.configure(name)(things, relations)

    def as_matrix(numbers: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("npd,pij->ndij", numbers, MATRICES[name]))

    assert as_matrix(product) == pytest.approx(as_matrix(things) @ as_matrix(relations), abs=1e-12)


@pytest.mark.parametrize("name", compositions.names())
def test_composing_is_associative_and_not_commutative(name: str) -> None:
    compose = compositions.get(name)
    a, b, c = (drawn(seed, 4, 3) for seed in range(3))

    assert compose(compose(a, b), c) == pytest.approx(compose(a, compose(b, c)))
    assert not np.allclose(compose(a, b), compose(b, a))


@pytest.mark.parametrize("name", compositions.names())
def test_the_relation_one_changes_nothing_and_one_relation_serves_many_things(name: str) -> None:
    things, one = drawn(0, 9, 4, 5), np.zeros((4, 5))
    one[0] = 1

    assert compositions.get(name)(things, one) == pytest.approx(things)


def test_a_unit_quaternion_keeps_lengths_and_a_unit_dihedron_does_not() -> None:
    things, relations = drawn(0, 9, 4, 5), unit(drawn(1, 9, 4, 5))
    lengths = np.linalg.norm(things, axis=1)

    turned = compositions.get("hamilton")(things, relations)
    stretched = compositions.get("dihedron")(things, relations)

    assert np.linalg.norm(turned, axis=1) == pytest.approx(lengths)
    assert not np.allclose(np.linalg.norm(stretched, axis=1), lengths, rtol=0.1)


def test_a_unit_of_zeros_stays_zeros() -> None:
    assert not unit(np.zeros((4, 3))).any()


@pytest.mark.parametrize(
    ("things", "relations", "field"),
    [((3, 5), (4, 5), "things"), ((4, 5), (5,), "relations"), ((4, 5), (4, 6), "relations")],
)
def test_numbers_that_do_not_go_together_are_refused(
    things: tuple[int, int], relations: tuple[int, int] | tuple[int], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        compositions.get("hamilton")(np.ones(things), np.ones(relations))

    assert str(refusal.value.field) == field
