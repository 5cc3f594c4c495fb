"""Heads: classifiers that are learned from few labelled vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.lab import all_names
from support.lab import lab as lab
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.heads import (
    Memory,
    dealt,
    fit,
    heads,
    keeps_memory,
    memory_shares,
    predicted_without,
    probabilities,
)
from tieback.methods.heads._linear import _learned, minimum
from tieback.methods.heads.logistic import loss as log_loss
from tieback.methods.projection import unit_rows
from tieback_lab.methods.heads.linear_svm import _loss as hinge

WIDTH, CLASSES = 32, 5
MIDDLES = unit_rows(np.random.default_rng(7).normal(size=(CLASSES, WIDTH)))
OPPOSED = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0, 1])


def things(of_each: int, seed: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around the middle of their class, and the classes."""
    labels = np.repeat(np.arange(CLASSES), of_each)
    drawn = np.random.default_rng(seed).normal(size=(len(labels), WIDTH))
    return (MIDDLES[labels] + noise * drawn).astype(np.float32), labels


def accuracy(name: str, state: Any, vectors: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(probabilities(name, vectors, state).argmax(axis=1) == labels))


@each("name", all_names(heads))
@each("of_each", [2, 8])
def test_classes_that_lie_apart_are_told_apart(name: str, of_each: int) -> None:
    state = fit(name, *things(of_each, seed=1))

    vectors, labels = things(100, seed=2)
    likely = probabilities(name, vectors, state)

    assert likely.shape == (500, CLASSES)
    assert likely.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (likely >= 0).all()
    assert accuracy(name, state, vectors, labels) >= 0.97


@pytest.mark.parametrize("name", all_names(heads))
def test_the_length_of_a_vector_does_not_count(name: str) -> None:
    vectors, labels = things(4, seed=1)
    state = fit(name, vectors, labels)
    longer = fit(name, vectors * np.arange(1, 21)[:, None], labels)

    likely = probabilities(name, vectors, state)
    assert probabilities(name, 9 * vectors, state) == pytest.approx(likely, abs=1e-5)
    assert probabilities(name, vectors, longer) == pytest.approx(likely, abs=1e-2)


@pytest.mark.parametrize("name", all_names(heads))
def test_what_is_learned_of_equal_examples_is_equal(name: str) -> None:
    first, again = (fit(name, *things(4, seed=1)) for _ in range(2))

    for array in first:
        assert (first[array] == again[array]).all()


@pytest.mark.parametrize("c", [0.5, 1.0, 4.0])
def test_the_margin_of_two_opposed_vectors_is_what_a_calculation_by_hand_says(c: float) -> None:
    weights, offsets = _learned(*OPPOSED, hinge, c)

    # The least w²/2 + 2 c (1 - w)², for each of the classes with its own sign.
    expected = 4 * c / (1 + 4 * c)
    assert weights[0] == pytest.approx([expected, -expected], abs=1e-4)
    assert weights[1] == pytest.approx(0, abs=1e-6)
    assert offsets == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("c", [0.5, 1.0, 4.0])
def test_the_slope_of_two_opposed_vectors_is_what_a_calculation_by_hand_says(c: float) -> None:
    weights, offsets = _learned(*OPPOSED, log_loss, c)

    # The least w² + 2 c log(1 + exp(-2 w)): w = 2 c / (1 + exp(2 w)).
    w = float(weights[0, 0])
    assert w == pytest.approx(2 * c / (1 + math.exp(2 * w)), abs=1e-4)
    assert weights[0, 1] == pytest.approx(-w, abs=1e-6)
    assert offsets == pytest.approx(0, abs=1e-6)


def test_fewer_examples_than_dimensions_are_learned_from_in_their_own_span() -> None:
    vectors, labels = things(4, seed=1)
    rows = unit_rows(vectors)

    few = _learned(rows, labels, log_loss, 2.0)
    twice = _learned(np.tile(rows, (2, 1)), np.tile(labels, 2), log_loss, 1.0)

    assert len(rows) < WIDTH < 2 * len(rows), "the second is learned in all dimensions"
    assert few[0] == pytest.approx(twice[0], abs=1e-3)
    assert few[1] == pytest.approx(twice[1], abs=1e-3)


def test_the_least_point_of_a_bowl_is_found() -> None:
    draw = np.random.default_rng(0)
    root = draw.normal(size=(30, 30))
    bowl, right = root @ root.T + np.eye(30), draw.normal(size=30)

    found = minimum(lambda x: (float(x @ bowl @ x / 2 - right @ x), bowl @ x - right), np.zeros(30))

    assert bowl @ found == pytest.approx(right, abs=1e-3)


def test_probabilities_are_as_sharp_as_what_is_right_allows() -> None:
    unsure = fit("logistic", *things(40, seed=1, noise=0.5))
    vectors, labels = things(200, seed=2, noise=0.5)
    likely = probabilities("logistic", vectors, unsure)

    right = likely.argmax(axis=1) == labels

    assert 0.5 < right.mean() < 0.99
    assert likely.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.1)


def test_votes_and_gate_are_what_a_calculation_by_hand_says() -> None:
    state = {
        "weights": np.zeros((2, 2), np.float32),
        "offsets": np.zeros(2, np.float32),
        "memory": np.array([[1, 0], [0, 1], [-1, 0]], np.float32),
        "labels": np.array([0, 1, 1]),
        "voting": np.array([2, math.log(3)], np.float32),
        "gate": np.array([0, 1, 0.5, 0.25], np.float32),
    }

    near = probabilities("memory", np.array([[1.0, 0.0]]), state)
    shares = memory_shares("memory", np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 1.0]]), state)

    # The cosines 1 and 0 vote with 3 to 1; their mean is that of the gate, so it is half open.
    assert near[0] == pytest.approx([0.5 * 0.75 + 0.25, 0.5 * 0.25 + 0.25])
    # Of the last, two votes at a cosine of 0.707 are 0.207 nearer, which is 0.828 spreads.
    assert shares == pytest.approx([0.5, 0.5, 1 / (1 + math.exp(-(math.sqrt(0.5) - 0.5) / 0.25))])


def test_the_gate_opens_for_a_memory_that_knows_more_than_the_examples() -> None:
    examples, tested = things(2, seed=1, noise=0.35), things(100, seed=2, noise=0.35)
    plain = fit("logistic", *examples)

    state = fit("memory", *examples, Memory(*things(60, seed=3, noise=0.35)))

    shares = memory_shares("memory", tested[0], state)
    assert shares is not None
    assert shares.mean() > 0.2
    assert accuracy("memory", state, *tested) >= accuracy("logistic", plain, *tested) + 0.03


@each("of_each", [2, 8])
@each("seed", range(3))
def test_the_gate_closes_on_an_irrelevant_memory_which_does_not_hurt(of_each: int, seed: int) -> None:
    examples, tested = things(of_each, seed=seed, noise=0.2), things(100, seed=10 + seed, noise=0.2)
    draw = np.random.default_rng(seed)
    irrelevant = Memory(draw.normal(size=(300, WIDTH)), draw.integers(0, CLASSES, 300))
    plain = fit("logistic", *examples)

    state = fit("memory", *examples, irrelevant)

    shares = memory_shares("memory", tested[0], state)
    assert shares is not None
    assert shares.max() < 0.01
    assert accuracy("memory", state, *tested) >= accuracy("logistic", plain, *tested) - 0.01


def test_only_a_method_that_keeps_a_memory_says_how_much_it_counts() -> None:
    state = fit("logistic", *things(2, seed=1))

    assert [name for name in heads.names() if keeps_memory(name)] == ["memory"]
    assert memory_shares("logistic", things(2, seed=1)[0], state) is None


def test_the_parts_have_of_each_class_as_many_and_a_class_of_two_is_in_two() -> None:
    labels = np.array([0] * 10 + [1] * 2 + [2] * 2)

    parts = dealt(labels)

    assert np.bincount(parts[labels == 0]).tolist() == [2] * 5
    assert all(len(set(parts[labels == one])) == 2 for one in (1, 2))
    assert (parts == dealt(labels)).all()


def test_a_class_that_is_held_out_whole_gets_the_probability_of_chance() -> None:
    vectors, labels = things(2, seed=1)

    found = predicted_without("logistic", vectors, labels, labels == 2)
    rest = predicted_without("logistic", vectors, labels, labels >= 1)

    assert found[:, 2] == pytest.approx(1 / CLASSES)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert rest == pytest.approx(1 / CLASSES), "one class alone tells nothing apart"


def test_examples_of_one_a_class_are_learned_from() -> None:
    vectors, labels = things(100, seed=2)

    for name in heads.names():
        assert accuracy(name, fit(name, *things(1, seed=1)), vectors, labels) >= 0.9


def test_what_cannot_be_fitted_is_refused_with_its_place() -> None:
    vectors, labels = things(2, seed=1)
    broken, empty = vectors.copy(), vectors.copy()
    broken[3, 0] = np.nan
    empty[4] = 0

    for wrong, field, says in (
        ((vectors[:-1], labels), "vectors", "with a label each"),
        ((broken, labels), "vectors[3]", "NaN"),
        ((empty, labels), "vectors[4]", "zeros"),
        ((vectors, labels.astype(float)), "labels", "whole numbers"),
        ((vectors, labels - 1), "labels", "whole numbers from 0"),
        ((vectors, np.zeros(10, int)), "labels", "two classes apart at least; there are 1"),
        ((vectors, np.where(labels == 1, 2, labels)), "labels", "the class 1 has no example"),
    ):
        with pytest.raises(InvalidInput, match=says) as refusal:
            fit("logistic", *wrong)
        assert str(refusal.value.field) == field
    for name, memory, says in (
        ("logistic", Memory(vectors, labels), "logistic keeps no memory; memory does"),
        ("memory", Memory(vectors[:, :4], labels), "does not go with"),
        ("memory", Memory(vectors, labels + 1), "does not go with"),
    ):
        with pytest.raises(InvalidInput, match=says) as refusal:
            fit(name, vectors, labels, memory)
        assert str(refusal.value.field) == "memory"
    with pytest.raises(InvalidInput, match="its parameters are: c, k, sharpness") as refusal:
        fit("memory", vectors, labels, parameters={"kk": 1}, field="method")
    assert str(refusal.value.field) == "method.parameters.kk"
    with pytest.raises(NotFound, match="no head method is named 'svm'"):
        fit("svm", vectors, labels)
