"""Vectors are projected to a space for each condition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tieback.core.state import State, check_state
from tieback_contract.arrays import Array
from tieback_lab.methods.conditional_projection import conditional_projections, cross_attention

NAME, INPUT, WIDTH = "cross_attention", 12, 5


def rows(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def state() -> State:
    seen = rows(6, 4, INPUT)
    made = cross_attention.start(seen, np.ones((6, 4), bool), conditions=2, inner=3, width=WIDTH, seed=0)
    return made | {"query": rows(2, 3, seed=2)}


def test_projections_are_of_length_1_and_differ_by_the_condition(state: State) -> None:
    contents, mask = rows(3, 4, INPUT), np.ones((3, 4), bool)

    found = [conditional_projections.get(NAME)(contents, mask, one, state) for one in range(2)]

    for one in found:
        assert one.shape == (3, WIDTH)
        np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-4)
    assert not np.allclose(found[0], found[1], atol=0.1)
    check_state(state, conditional_projections.state(NAME), input=INPUT, width=WIDTH, conditions=2)


def test_the_condition_chooses_the_row_that_it_reads(state: State) -> None:
    contents, mask = rows(1, 2, INPUT), np.ones((1, 2), bool)
    seen = (contents[0] - state["mean"]) * state["scale"] @ state["key"]
    towards = 50 * (seen[0] - seen[1]) / np.linalg.norm(seen[0] - seen[1])
    chosen = {**state, "query": np.stack([towards, -towards]).astype(np.float32)}
    method = conditional_projections.get(NAME)

    for condition in range(2):
        alone = method(contents[:, condition : condition + 1], mask[:, :1], condition, chosen)
        np.testing.assert_allclose(method(contents, mask, condition, chosen), alone, atol=1e-3)


def test_padding_changes_nothing(state: State) -> None:
    contents = rows(1, 3, INPUT)
    padded = np.concatenate([contents, rows(1, 2, INPUT, seed=9)], axis=1)
    method = conditional_projections.get(NAME)

    alone = method(contents, np.ones((1, 3), bool), 0, state)
    beside = method(padded, np.array([[True] * 3 + [False] * 2]), 0, state)

    np.testing.assert_allclose(beside, alone, atol=1e-6)


def test_torch_trains_what_numpy_serves(state: State) -> None:
    contents, mask = rows(3, 4, INPUT), np.arange(4) < np.array([[4], [1], [2]])

    served = conditional_projections.get(NAME)(contents, mask, 1, state)
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    trained = cross_attention.projected(torch, torch.from_numpy(contents), torch.from_numpy(mask), 1, tensors)

    np.testing.assert_allclose(served, trained.numpy(), atol=1e-5)
