"""Token reduction: tokens of a transformer's layer that are alike become one, and later layers have fewer.

A method plans which become one, and the family merges them by the mean, weighted by how many tokens of the
text each stands for. Their attention is proportional to that number (ToMe: Bolya et al., 2023,
arXiv:2210.09461). A method's file also holds `graph`: the same plan as a torch function of a padded batch,
which an exported graph holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from tieback.core.family import Family, Form
from tieback_contract.arrays import Array

if TYPE_CHECKING:  # a serving process names and describes the methods, and imports no torch
    from torch import Tensor


class TokenReduction(Protocol):
    """A plan of which tokens of one text become one."""

    def __call__(self, keys: Array, sizes: Array, ratio: float, depth: float) -> Array:
        """For each token `[tokens]`, the place of the one that it becomes a part of: its own where it stays.

        `keys` `[tokens, width]` say what is alike, `sizes` `[tokens]` how many tokens of the text each stands
        for. The first token stays as it is, and of the others the share `ratio` stays, 0.5 to 1. `depth` is
        the share of the layers that came before, 0 to below 1.
        """
        ...


class Assignment(NamedTuple):
    """The plan of a padded batch, in which texts have different numbers of tokens.

    `kept` `[batch, fewer]` are the places of the tokens that stay, in order, and `merged` `[batch, m]` those
    of tokens that may go. `joins` `[batch, fewer, m]` is 1 where a merged token becomes a part of a kept one.
    `remain` `[batch, fewer]` is 0 where a short text has nothing to keep, and 1 elsewhere.
    """

    kept: Tensor
    merged: Tensor
    joins: Tensor
    remain: Tensor


class Graph(Protocol):
    """The form of a plan in an exported graph."""

    def __call__(self, keys: Tensor, sizes: Tensor, ratio: Tensor, depth: float) -> Assignment:
        """The plan of a batch: `keys` `[batch, tokens, width]`, `sizes` `[batch, tokens]`, 0 for padding.

        `ratio` is a number, an input of the graph; `depth` is fixed for each layer.
        """
        ...


GRAPH: Form[Graph] = Form("graph", Graph)

token_reductions: Family[TokenReduction] = Family(__name__, TokenReduction, GRAPH)


def merge(values: Array, sizes: Array, targets: Array) -> tuple[Array, Array]:
    """The tokens `[fewer, width]` that a method's plan leaves of `[tokens, width]`, and their sizes."""
    places = np.flatnonzero(targets == np.arange(len(targets)))
    shares = (targets[None] == places[:, None]) * sizes
    merged_sizes = shares.sum(axis=1)
    return shares @ values / merged_sizes[:, None], merged_sizes


def merge_batch(values: Tensor, sizes: Tensor, assignment: Assignment) -> tuple[Tensor, Tensor]:
    """As `merge`, of a batch `[batch, tokens, width]` with sizes `[batch, tokens]`, in a graph."""
    stay = rows(sizes[..., None], assignment.kept)[..., 0] * assignment.remain
    go = rows(sizes[..., None], assignment.merged)
    merged_sizes = stay + (assignment.joins @ go)[..., 0]
    total = rows(values, assignment.kept) * stay[..., None]
    total = total + assignment.joins @ (rows(values, assignment.merged) * go)
    return total / merged_sizes.clamp(min=1)[..., None], merged_sizes


def rows(values: Tensor, places: Tensor) -> Tensor:
    """Rows `[batch, n, width]` of `[batch, tokens, width]`, by their places `[batch, n]`.

    One index for all texts copies whole rows, where one for each value would be larger than they are.
    """
    import torch  # as in a method's graph

    batch, tokens, width = values.shape
    flat = (places + torch.arange(batch)[:, None] * tokens).reshape(-1)
    return values.reshape(-1, width).index_select(0, flat).reshape(batch, -1, width)
