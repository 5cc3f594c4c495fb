"""What a language model is to read becomes soft tokens."""

from __future__ import annotations

import numpy as np
import torch
from tieback.core.state import check_state
from tieback_lab.methods.context_compression import context_compressions
from tieback_lab.methods.context_compression.xrag import bridged, start


def test_each_vector_becomes_one_token_of_the_models_width() -> None:
    state = start(6, 10, seed=0)
    rows = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)

    found = context_compressions.configure("xrag")(rows, state)

    assert found.shape == (3, 10)
    assert found.dtype == np.float32
    check_state(state, context_compressions.state("xrag"), vector=6, width=10)
    alone = context_compressions.configure("xrag")(rows[1:2], state)
    np.testing.assert_allclose(found[1:2], alone, atol=1e-6)


def test_what_is_trained_is_what_is_served() -> None:
    state = {name: array + 0.1 for name, array in start(6, 10, seed=0).items()}
    rows = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    trained = {name: torch.from_numpy(array) for name, array in state.items()}

    served = context_compressions.configure("xrag")(rows, state)

    np.testing.assert_allclose(served, bridged(torch, torch.from_numpy(rows), trained).numpy(), atol=1e-5)
    layers = torch.nn.functional.gelu(
        torch.from_numpy(rows) @ trained["inner"] + trained["inner_bias"], approximate="tanh"
    )
    expected = layers @ trained["outer"] + trained["outer_bias"]
    np.testing.assert_allclose(served, expected.numpy(), atol=1e-5)
