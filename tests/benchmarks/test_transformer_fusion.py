"""The transformers that are fused in a claim are such as the method aligns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tieback.methods.merging import merge

from benchmarks.lab.claims._weights import accuracy, tensors_of, trained
from benchmarks.lab.claims.transformer_fusion import HEAD, WIDTH, activations, forward, patches, start

pytestmark = pytest.mark.all


def test_a_picture_is_sixteen_patches_of_seven_by_seven() -> None:
    picture = np.arange(28 * 28).reshape(1, 28, 28)

    found = patches(picture)

    assert found.shape == (1, 16, 49)
    np.testing.assert_allclose(found[0, 1, :7] * 255, np.arange(7, 14), rtol=1e-6)


def test_a_transformer_fused_with_itself_is_itself_by_weights_and_by_activations() -> None:
    weights = start(0, WIDTH)
    seen = activations(weights, torch.rand(8, 16, 49))

    for known in ((), (seen, seen)):
        fused = merge(
            "optimal_transport", weights, [weights, weights], {"head_size": HEAD}, activations=known
        )
        for name, array in weights.items():
            np.testing.assert_allclose(fused[name], array, atol=1e-6)


def test_training_lowers_the_loss() -> None:
    x, y = torch.rand(64, 16, 49), torch.arange(64) % 10
    before = start(1, 32)

    after = trained(forward, before, x, y, 60, 0)

    assert accuracy(forward, after, x, y) > accuracy(forward, before, x, y)
    assert forward(tensors_of(after), x).shape == (64, 10)
