"""PiToMe: tokens in the midst of look-alikes are merged, and isolated ones are protected (Tran et al., 2024,
arXiv:2405.16148).

A token's energy is the mean, over the others, of its cosine to them above a margin; below, the exponential
takes over, so that far tokens count against it alike. The margin falls with the depth of the layer. Of the
tokens with the most energy, every other one goes into the most similar of those between. It fails where a
text has no redundant tokens: the ratio is held all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback_lab.methods.token_reduction import Assignment, rows, token_reductions

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 1e-6
NEVER = -2.0
"""Less than any cosine."""


def graph(
    keys: Tensor, sizes: Tensor, ratio: Tensor, depth: float, *, margin: float = 0.9, alpha: float = 1.0
) -> Assignment:
    """The plan of a batch: `keys` `[batch, tokens, width]`, `sizes` `[batch, tokens]`, 0 for padding.

    Each text keeps the share of its own tokens, so that its result does not depend on its company.
    """
    import torch  # a graph is made by recipes; describing the method imports none

    tokens = sizes.shape[1]
    place = torch.arange(tokens)
    there = sizes > 0
    free = there & (place > 0)
    unit = keys / keys.norm(dim=-1, keepdim=True).clamp(min=SMALLEST)
    similarity = unit @ unit.transpose(1, 2)
    above = similarity - margin * (1 - depth)
    energy = torch.where(above > 0, above, alpha * (above.exp() - 1)) * free[:, None].to(keys.dtype)
    order = energy.sum(dim=-1).masked_fill(~free, -torch.inf).sort(dim=-1, descending=True).indices
    rank = order.sort(dim=-1).indices
    pairs = (free.sum(dim=-1).to(ratio.dtype) * (1 - ratio)).floor().long()
    paired = rank < 2 * pairs[:, None]
    goes, takes = paired & (rank % 2 == 0), paired & (rank % 2 == 1)
    most = pairs.max()
    merged = order[:, : 2 * most.clamp(min=1)][:, ::2]
    into = rows(similarity, merged).masked_fill(~takes[:, None], NEVER).argmax(dim=-1)
    stays = (place + tokens * (goes | ~there).long()).sort(dim=-1)  # what goes is behind all that stays
    kept, remain = stays.indices[:, : tokens - most], stays.values[:, : tokens - most] < tokens
    joins = (kept[..., None] == into[:, None]) & goes.gather(1, merged)[:, None]
    return Assignment(kept, merged, joins.to(keys.dtype), remain.to(keys.dtype))


@token_reductions.method
def pitome(
    keys: Array,
    sizes: Array,  # noqa: ARG001 - the sizes weight the merging, not the plan
    ratio: float,
    depth: float,
    *,
    margin: Annotated[float, Field(gt=0, le=1)] = 0.9,
    alpha: Annotated[float, Field(ge=0)] = 1.0,
) -> Array:
    """Permuting the tokens after the first permutes the result."""
    unit = keys / np.maximum(np.linalg.norm(keys, axis=-1, keepdims=True), SMALLEST)
    similarity = unit @ unit.T
    above = similarity - margin * (1 - depth)
    energy = np.where(above > 0, above, alpha * np.expm1(np.minimum(above, 0)))[1:, 1:].sum(axis=1)
    order = 1 + np.argsort(-energy, kind="stable")
    pairs = int(np.floor(np.float32(len(energy)) * (np.float32(1) - np.float32(ratio))))
    goes, takes = order[: 2 * pairs : 2], order[1 : 2 * pairs : 2]
    targets = np.arange(len(keys))
    if pairs:
        targets[goes] = takes[similarity[np.ix_(goes, takes)].argmax(axis=1)]
    return targets
