"""The training of a common and a salient map of rows of a frozen encoder (SepCLR; arXiv:2402.11928).

Of two views of each row the common vectors, and the salient ones of the target, are to be near each other
(alignment), and those of different rows apart (uniformity). Salient vectors of the background are to be the
null vector. The kernel's joint entropy (k-JEM) of both parts is to be high: with each of them spread already,
that leaves them as little as possible to tell of each other. In the paper a view is a picture that is cropped
and coloured anew; here it is the row with some of its principal components left out, which any modality has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback.core.state import State
from tieback.training.loop import UNKEPT, Attempt, History, Plan, batch, train
from tieback_contract.arrays import Array
from torch import Tensor

from tieback_lab.methods.conditional_projection.separated import COMMON, SALIENT, projected, start


@dataclass(frozen=True, slots=True)
class Separation:
    """Maps to `width` dimensions of the first `kept` principal components, and how they are learned.

    A step sees `batch` rows, half of them the target's, in two views without a share `left_out` of their
    components. `uniformity`, `salient`, `null` and `jem` are what the parts of the loss count by; the common
    part's alignment counts 1.
    """

    width: int
    kept: int
    batch: int
    left_out: float
    uniformity: float
    salient: float
    null: float
    jem: float


def aligned(one: Tensor, other: Tensor) -> Tensor:
    """The mean squared distance of partners `[n, d]`."""
    return (one - other).square().sum(dim=1).mean()


def uniform(rows: Tensor) -> Tensor:
    """The logarithm of how near rows `[n, d]` are to each other: lower where they are spread evenly."""
    return torch.pdist(rows).square().neg().exp().mean().log()


def joint_entropy(common: Tensor, salient: Tensor) -> Tensor:
    """The entropy of both parts `[n, d]` together, as a kernel estimates it, but for a constant."""
    distances = torch.cdist(common, common).square() + torch.cdist(salient, salient).square()
    return -distances.neg().exp().mean(dim=1).log().mean()


def parted(
    common: Sequence[Tensor], salient: Sequence[Tensor], new: Tensor, null: Tensor, by: Separation
) -> Tensor:
    """The loss of two views `[n, d]` of each part; `new` `[n]` (bool) are rows of the target."""
    taken = [torch.where(new[:, None], one, null) for one in salient]
    loss = aligned(*common) + by.salient * aligned(salient[0][new], salient[1][new])
    for shared, own, forced in zip(common, salient, taken, strict=True):
        loss = loss + by.uniformity / 2 * (uniform(shared) + by.salient * uniform(forced))
        loss = loss + by.null / 2 * aligned(own[~new], null)
        loss = loss - by.jem / 2 * joint_entropy(shared, forced)
    return loss


def separate_rows(
    rows: Array,
    is_new: Array,
    plan: Plan,
    separation: Separation,
    attempt: Attempt = UNKEPT,
) -> tuple[State, History]:
    """The state of `separated` for rows `[n, input]`, of which `is_new` `[n]` (bool) are the target's."""
    begun = start(rows, rows[~is_new], kept=separation.kept, width=separation.width, seed=plan.seed)
    seen = torch.from_numpy((rows - begun["mean"]) @ begun["basis"])
    module = torch.nn.Module()
    module.maps = torch.nn.Parameter(torch.from_numpy(begun["maps"]))
    fixed = {"mean": torch.zeros(seen.shape[1]), "offset": torch.from_numpy(begun["offset"])}
    sides = [np.flatnonzero(is_new), np.flatnonzero(~is_new)]

    def loss(draw: torch.Generator) -> Tensor:
        chosen = [side[batch(len(side), separation.batch // 2, draw).numpy()] for side in sides]
        places = torch.from_numpy(np.concatenate(chosen))
        new = torch.arange(len(places)) < len(chosen[0])
        given = [_view(seen[places], separation.left_out, draw) for _ in range(2)]
        state = {**fixed, "out": module.maps}
        common, salient = ([projected(one, part, state) for one in given] for part in (COMMON, SALIENT))
        return parted(common, salient, new, fixed["offset"][SALIENT], separation)

    history = train(module, loss, plan, attempt)
    maps = module.maps.detach().numpy()
    return {"mean": begun["mean"], "out": begun["basis"] @ maps, "offset": begun["offset"]}, history


def _view(rows: Tensor, left_out: float, draw: torch.Generator) -> Tensor:
    there = torch.rand(rows.shape, generator=draw) >= left_out
    return rows * there / (1 - left_out)
