"""Every pooling reads the tokens that are there and none that are padding."""

from __future__ import annotations

import pytest
import torch
from tieback.methods.pooling import poolings


@pytest.mark.parametrize("name", poolings.names())
def test_no_pooling_sees_padding(name: str) -> None:
    pool = poolings.configure(name)
    layers = list(torch.randn(3, 2, 5, 3, generator=torch.Generator().manual_seed(0)))
    sizes = torch.tensor([[1.0, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    others = [layer.clone() for layer in layers]
    for layer in others:
        layer[0, 3:] = 100

    torch.testing.assert_close(pool(layers, sizes), pool(others, sizes))
    alone = pool([layer[:1, :3] for layer in layers], sizes[:1, :3])
    torch.testing.assert_close(pool(layers, sizes)[:1], alone)


def test_the_mean_is_the_mean_of_the_last_layer() -> None:
    embeddings = torch.full((1, 3, 2), 7.0)
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]]])

    pooled = poolings.get("mean")([embeddings, tokens], torch.tensor([[1.0, 1.0, 0.0]]))

    torch.testing.assert_close(pooled, torch.tensor([[2.0, 4.0]]))


def test_a_token_that_stands_for_three_counts_three_times_in_the_mean() -> None:
    tokens = torch.tensor([[[1.0, 2.0], [5.0, 6.0]]])

    pooled = poolings.get("mean")([tokens], torch.tensor([[3.0, 1.0]]))

    torch.testing.assert_close(pooled, torch.tensor([[2.0, 3.0]]))
