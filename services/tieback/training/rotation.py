"""A rotation that is learned and stays one at every step."""

from __future__ import annotations

import torch
from tieback_contract.arrays import Array
from torch import Tensor


class Rotation(torch.nn.Module):
    """`start` `[d, d]`, turned by the Cayley map of a skew matrix: it stays orthogonal while it learns."""

    start: Tensor

    def __init__(self, start: Array) -> None:
        super().__init__()
        self.register_buffer("start", torch.tensor(start))
        self.skew = torch.nn.Parameter(torch.zeros(start.shape))

    def forward(self) -> Tensor:
        """The rotation `[d, d]`."""
        skew = self.skew - self.skew.T
        one = torch.eye(len(skew))
        rotation: Tensor = self.start @ torch.linalg.solve(one - skew, one + skew)
        return rotation
