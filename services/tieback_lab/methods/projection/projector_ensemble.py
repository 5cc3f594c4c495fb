"""The mean of several small networks from one space into another (OmniBind, arXiv:2407.11895).

Each is Linear · BatchNorm · ReLU · Linear · BatchNorm · normalise, trained to tell a vector's partner from
the partners of others (InfoNCE, both ways). The paper has 7 of them, 2048 wide inside. Here they are 256
wide: a single vector reads every weight once, which takes 2 to 4 ms with 2048 and 0.1 to 0.6 ms with 256, and
0.5 ms is all that a query has. Several ensembles drive each other's weights out of the processor's cache: six
of them took 3 ms. The BatchNorms are folded into the linear layers; NumPy alone serves it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from tieback.core.state import State
from tieback.methods.projection import (
    Count,
    NotNegative,
    Positive,
    Progress,
    Tensors,
    projections,
    unit_rows,
    unit_tensor,
)
from tieback_contract.arrays import Array

if TYPE_CHECKING:
    from torch import Generator, Tensor

STATE = {
    "inner": ("source", "members · hidden"),
    "inner_bias": ("members · hidden",),
    "outer": ("members", "hidden", "target"),
    "outer_bias": ("members", "target"),
}

BATCH = 256
STEPS = 120
"""So many are taken where `epochs` is not given, if that is no less than FEWEST_EPOCHS."""
FEWEST_EPOCHS = 12
WEIGHT_DECAY = 0.01
EPSILON = 1e-5


@projections.method
def projector_ensemble(vectors: Array, state: State) -> Array:
    """normalise(mean over members of normalise(ReLU(V W₁ + b₁) W₂ + b₂))."""
    outer = state["outer"]
    members, hidden, _ = outer.shape
    inside = np.maximum(vectors @ state["inner"] + state["inner_bias"], 0)
    inside = inside.reshape(len(vectors), members, hidden).transpose(1, 0, 2)
    said = inside @ outer + state["outer_bias"][:, None]
    norms = np.sqrt(np.einsum("mnd,mnd->mn", said, said))[..., None]
    return unit_rows((said / np.maximum(norms, EPSILON)).sum(axis=0))


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch."""
    members, hidden = (int(size) for size in state["outer"].shape[:2])
    inside = (vectors @ state["inner"] + state["inner_bias"]).relu()
    inside = inside.reshape(-1, members, hidden).transpose(0, 1)
    return unit_tensor(unit_tensor(inside @ state["outer"] + state["outer_bias"][:, None]).sum(dim=0))


def fit(
    source: Array,
    target: Array,
    *,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
    members: Count = 7,
    hidden: Count = 256,
    epochs: Count | None = None,
    temperature: Positive = 0.05,
    learning_rate: Positive = 4e-3,
    noise: NotNegative = 0.3,
) -> State:
    """`inner` `[d1, members · hidden]`, `outer` `[members, hidden, d2]` and their biases.

    `noise` is the length, beside the unit vectors' 1, of what is added to a vector each time it is seen;
    every member has its own, and its own order of the anchors. Anchors that share a partner are never told
    apart.
    """
    import torch

    torch.set_num_threads(1)  # also makes sums come out the same on every machine of a kind
    batches = math.ceil(len(source) / BATCH)
    epochs = epochs or max(FEWEST_EPOCHS, math.ceil(STEPS / batches))
    draw = torch.Generator().manual_seed(seed)
    network = _start(members, source.shape[1], hidden, target.shape[1], draw)
    optimiser = torch.optim.AdamW(network.values(), lr=learning_rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, epochs * batches)
    rows, partners = torch.from_numpy(source), torch.from_numpy(target)
    same = torch.from_numpy(np.unique(target, axis=0, return_inverse=True)[1].reshape(-1))
    for epoch in range(epochs):
        orders = torch.stack([torch.randperm(len(source), generator=draw) for _ in range(members)])
        total = 0.0
        for chosen in orders.chunk(batches, dim=1):
            seen = rows[chosen]
            blur = torch.randn(seen.shape, generator=draw) * (noise / math.sqrt(source.shape[1]))
            said = _forward(network, torch.nn.functional.normalize(seen + blur, dim=-1))
            loss = _info_nce(said, partners[chosen], same[chosen], temperature)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            optimiser.step()
            schedule.step()
            total += loss.item() / batches / members
        progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}, loss {total:.3f}")
    with torch.no_grad():
        return _folded(network, rows)


def least_anchors(source_width: int, target_width: int) -> int:  # noqa: ARG001 - it has no closed form
    """Thirty-two: fewer partners to tell apart teach nothing, and a BatchNorm of fewer is all noise."""
    return 32


def _start(members: int, d1: int, hidden: int, d2: int, draw: Generator) -> dict[str, Tensor]:
    """Weights before training; a bias before a BatchNorm would be taken away again, so there is none."""
    import torch

    def weights(rows: int, columns: int) -> Tensor:
        return torch.randn((members, rows, columns), generator=draw) * math.sqrt(2 / rows)

    network = {
        "inner": weights(d1, hidden),
        "inner_scale": torch.ones(members, 1, hidden),
        "inner_shift": torch.zeros(members, 1, hidden),
        "outer": weights(hidden, d2),
        "outer_scale": torch.ones(members, 1, d2),
        "outer_shift": torch.zeros(members, 1, d2),
    }
    return {name: weight.requires_grad_() for name, weight in network.items()}


def _forward(network: dict[str, Tensor], rows: Tensor) -> Tensor:
    """Unit rows `[members, n, d2]` of rows `[members, n, d1]`, standardised over the n."""
    import torch

    inside = _standardised(rows @ network["inner"]) * network["inner_scale"] + network["inner_shift"]
    said = _standardised(inside.relu() @ network["outer"]) * network["outer_scale"] + network["outer_shift"]
    return torch.nn.functional.normalize(said, dim=-1)


def _standardised(rows: Tensor) -> Tensor:
    return (rows - rows.mean(dim=1, keepdim=True)) * _inverse_spread(rows)


def _inverse_spread(rows: Tensor) -> Tensor:
    return (rows.var(dim=1, correction=0, keepdim=True) + EPSILON).rsqrt()


def _info_nce(said: Tensor, partners: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Each member's mean loss, both ways, summed over the members."""
    import torch

    members, count, _ = said.shape
    right = torch.arange(count)
    alike = (same[:, :, None] == same[:, None, :]) & ~torch.eye(count, dtype=torch.bool)
    logits = (said @ partners.transpose(1, 2) / temperature).masked_fill(alike, -torch.inf)
    every = right.repeat(members)
    loss = torch.nn.functional.cross_entropy
    ways = (logits, logits.transpose(1, 2))
    return torch.stack([loss(way.reshape(-1, count), every) for way in ways]).mean() * members


def _folded(network: dict[str, Tensor], rows: Tensor) -> State:
    """The BatchNorms, as they stand over all anchors, folded into the linear layers."""
    inside = rows @ network["inner"]
    gain = _inverse_spread(inside) * network["inner_scale"]
    bias = network["inner_shift"] - inside.mean(dim=1, keepdim=True) * gain
    said = (inside * gain + bias).relu() @ network["outer"]
    outer_gain = _inverse_spread(said) * network["outer_scale"]
    outer_bias = network["outer_shift"] - said.mean(dim=1, keepdim=True) * outer_gain
    d1 = rows.shape[1]
    folded = {
        "inner": (network["inner"] * gain).permute(1, 0, 2).reshape(d1, -1),
        "inner_bias": bias.reshape(-1),
        "outer": network["outer"] * outer_gain,
        "outer_bias": outer_bias.squeeze(1),
    }
    return {name: np.ascontiguousarray(array.numpy(), np.float32) for name, array in folded.items()}
