"""Trains a text encoder so that the leading dimensions of each layer's vectors work by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback.methods.pooling import Pooling
from tieback.models.text.transformer_text import padded
from tieback.recipes.graphs.backbone import LayeredBackbone
from tieback.training.loop import (
    Attempt,
    History,
    Plan,
    angular_contrast,
    batch,
    output_distillation,
    train,
)
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import normalize

AT_ONCE = 64
"""Texts that are encoded together where nothing is learned."""

Found = dict[tuple[int, int], Array]
"""One over the rank `[n]` of each of n partners, by layer and width."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The exits before the last layer and the widths below the full one that are trained, the pairs of a
    batch, the temperature of the contrast, that of the distillation, and its weight.

    Without exits, the last layer is trained alone, at its full width.
    """

    exits: tuple[int, ...]
    widths: tuple[int, ...]
    pairs: int
    temperature: float
    kl_temperature: float
    kl_weight: float


class LayeredEncoder(torch.nn.Module):
    """A backbone and a pooling, at each of its layers."""

    def __init__(self, backbone: LayeredBackbone, pooling: Pooling) -> None:
        super().__init__()
        self.backbone, self.pool = backbone, pooling
        backbone.model.get_input_embeddings().requires_grad_(False)

    def forward(self, ids: Sequence[Array], layers: Sequence[int]) -> list[Tensor]:
        """The pooled vectors `[texts, width]` of those layers, not normalised, of texts as token numbers."""
        tokens, mask = map(torch.from_numpy, padded(ids))
        states = self.backbone(tokens, mask)
        sizes = mask.float()
        return [self.pool(states[: layer + 1], sizes) for layer in layers]

    def learned(self) -> dict[str, Array]:
        """What training may move, by ``state.NAME``."""
        moved = {name for name, one in self.backbone.model.named_parameters() if one.requires_grad}
        return {
            f"state.{name}": np.ascontiguousarray(one.detach().numpy())
            for name, one in self.backbone.model.state_dict().items()
            if name in moved
        }


def learn_layers(
    module: LayeredEncoder,
    pairs: Sequence[tuple[Array, Array]],
    validation: Sequence[tuple[Array, Array]],
    choices: Choices,
    plan: Plan,
    attempt: Attempt,
) -> History:
    """Trains the module in place, by pairs of texts as token numbers; `validation` chooses the step."""
    last = module.backbone.layers

    def loss(draw: torch.Generator) -> Tensor:
        chosen = [pairs[place] for place in batch(len(pairs), choices.pairs, draw).tolist()]
        texts = [left for left, _ in chosen] + [right for _, right in chosen]
        if not choices.exits:
            (vectors,) = module(texts, (last,))
            return angular_contrast(*normalize(vectors, dim=1).chunk(2), temperature=choices.temperature)
        layer = choices.exits[int(torch.randint(len(choices.exits), (), generator=draw))]
        width = choices.widths[int(torch.randint(len(choices.widths), (), generator=draw))]
        early, late = module(texts, (layer, last))
        losses = [
            angular_contrast(*normalize(vectors, dim=1).chunk(2), temperature=choices.temperature)
            for vectors in (late, late[:, :width], early, early[:, :width])
        ]
        aligned = output_distillation(early, late, temperature=choices.kl_temperature)
        return torch.stack(losses).sum() + choices.kl_weight * aligned

    def validate() -> float:
        cells = reciprocal_ranks(module, validation, (*choices.exits, last), (*choices.widths, None))
        return float(np.mean([found.mean() for found in cells.values()]))

    return train(module, loss, plan, attempt, validate=validate)


def reciprocal_ranks(
    module: LayeredEncoder,
    pairs: Sequence[tuple[Array, Array]],
    layers: Sequence[int],
    widths: Sequence[int | None],
) -> Found:
    """How well the first text of each pair finds the second among those of all pairs, by layer and width."""
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    left, right = (_encoded(module, side, layers) for side in sides)
    found: Found = {}
    for place, layer in enumerate(layers):
        for width in widths:
            one, other = (normalize(rows[place][:, :width], dim=1) for rows in (left, right))
            cosines = one @ other.T
            ranks = (cosines >= cosines.diagonal()[:, None]).sum(dim=1)
            found[layer, one.shape[1]] = (1 / ranks).numpy()
    return found


def _encoded(module: LayeredEncoder, texts: Sequence[Array], layers: Sequence[int]) -> list[Tensor]:
    """The vectors `[texts, width]` of each layer; texts of about one length run together."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    with torch.no_grad():
        parts = [
            module([texts[place] for place in order[begin : begin + AT_ONCE]], layers)
            for begin in range(0, len(order), AT_ONCE)
        ]
    back = torch.tensor(order).argsort()
    return [torch.cat(rows)[back] for rows in zip(*parts, strict=True)]
