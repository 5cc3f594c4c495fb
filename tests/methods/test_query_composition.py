"""A photo and words become one vector among those of photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tieback.core.state import State, check_state
from tieback_lab.methods.query_composition import query_compositions, sentence_prompt

IMAGE, TEXT = 12, 6
SIZES = {"image": IMAGE, "text": TEXT}


@pytest.fixture
def state() -> State:
    return sentence_prompt.start(IMAGE, TEXT, prompts=5, inner=8, seed=0)


def rows(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_queries_are_of_length_1_in_the_width_of_photos(state: State) -> None:
    mask = np.array([[True, True, False], [True, True, True]])

    found = query_compositions.get("sentence_prompt")(rows(2, 4, IMAGE), rows(2, 3, TEXT), mask, state)

    assert found.shape == (2, IMAGE)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    check_state(state, query_compositions.state("sentence_prompt"), **SIZES)


def test_padding_changes_nothing(state: State) -> None:
    image, text = rows(1, 4, IMAGE), rows(1, 3, TEXT)
    padded = np.concatenate([text, rows(1, 2, TEXT, seed=9)], axis=1)
    method = query_compositions.get("sentence_prompt")

    alone = method(image, text, np.ones((1, 3), bool), state)
    beside = method(image, padded, np.array([[True] * 3 + [False] * 2]), state)

    np.testing.assert_allclose(beside, alone, atol=1e-6)


def test_words_and_regions_both_change_the_query(state: State) -> None:
    image, text, mask = rows(1, 4, IMAGE), rows(1, 3, TEXT), np.ones((1, 3), bool)
    method = query_compositions.get("sentence_prompt")
    other = image.copy()
    other[0, 2] = rows(IMAGE, seed=3)

    plain = method(image, text, mask, state)

    assert not np.allclose(method(image, rows(1, 3, TEXT, seed=4), mask, state), plain, atol=1e-3)
    assert not np.allclose(method(other, text, mask, state), plain, atol=1e-5)


def test_torch_trains_what_numpy_serves(state: State) -> None:
    image, text = rows(3, 4, IMAGE), rows(3, 5, TEXT)
    mask = np.arange(5) < np.array([[5], [2], [1]])

    served = query_compositions.get("sentence_prompt")(image, text, mask, state)
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    trained, prompts = sentence_prompt.composed(
        torch, torch.from_numpy(image), torch.from_numpy(text), torch.from_numpy(mask), tensors
    )

    np.testing.assert_allclose(served, trained.numpy(), atol=1e-5)
    assert prompts.shape == (3, 5, 8)
