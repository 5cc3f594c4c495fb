"""Every pooling reads the tokens that are there and none that are padding."""

from __future__ import annotations

import pytest
import torch
from tieback.methods.pooling import poolings


@pytest.mark.parametrize("name", poolings.names())
def test_no_pooling_sees_padding(name: str) -> None:
    pool = poolings.configure(name)
    tokens = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1.0, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    other = tokens.clone()
    other[0, 3:] = 100

    torch.testing.assert_close(pool(tokens, mask), pool(other, mask))
    torch.testing.assert_close(pool(tokens, mask)[:1], pool(tokens[:1, :3], mask[:1, :3]))


def test_the_mean_is_the_mean() -> None:
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]]])

    pooled = poolings.get("mean")(tokens, torch.tensor([[1.0, 1.0, 0.0]]))

    torch.testing.assert_close(pooled, torch.tensor([[2.0, 4.0]]))
