"""Learns by pairs of texts how encoders are merged, and finds how well merges do that learn nothing."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tieback.methods.merging import Weights, merge, summed, task_vectors
from tieback.training.loop import Attempt, History, Plan, angular_contrast, batch, train
from tieback_contract.arrays import Array
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import normalize

from tieback_lab.methods.merging.concrete import drawn_mask
from tieback_lab.recipes.train.layers_and_widths import LayeredEncoder, reciprocal_ranks

SCALES = (0.2, 0.4, 0.7, 1.0, 1.4)
"""Of task arithmetic and of TIES, of which the one is taken that finds most partners."""
MODEL = "backbone.model."

Pairs = Sequence[tuple[Array, Array]]
"""Texts as token numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """An encoder whose weights are given, as of a base and its experts."""

    encoder: LayeredEncoder
    base: Weights
    experts: Sequence[Weights]

    def by(self, method: str, scale: float) -> Weights:
        """Merged by a method that learns nothing."""
        return merge(method, self.base, self.experts, {"scale": scale})

    def vectors(self, weights: Mapping[str, Tensor], ids: Sequence[Array]) -> Tensor:
        """Unit rows `[texts, width]` by those weights."""
        named = {MODEL + name: one for name, one in weights.items()}
        (rows,) = functional_call(self.encoder, named, (ids, (self.encoder.backbone.layers,)))
        return normalize(rows, dim=1)

    def ranks(self, weights: Mapping[str, Any], files: Sequence[Pairs]) -> list[Array]:
        """1 / rank of each pair's second text among those of its file, by file."""
        model = self.encoder.backbone.model
        before = {name: one.clone() for name, one in model.state_dict().items() if name in weights}
        model.load_state_dict({name: torch.as_tensor(one) for name, one in weights.items()}, strict=False)
        last = (self.encoder.backbone.layers,)
        found = [reciprocal_ranks(self.encoder, pairs, last, (None,)) for pairs in files]
        model.load_state_dict(before, strict=False)
        return [next(iter(one.values())) for one in found]

    def tuned(self, method: str, files: Sequence[Pairs], say: Callable[[str], None]) -> float:
        """The scale by which the method finds most partners, the mean over files."""
        found = {}
        for scale in SCALES:
            found[scale] = mean_of(self.ranks(self.by(method, scale), files))
            say(f"{method} with scale {scale}: {found[scale]:.4f}")
        return max(found, key=lambda scale: found[scale])


def mean_of(found: Sequence[Array]) -> float:
    """The mean over files of the mean over their pairs."""
    return float(np.mean([one.mean() for one in found]))


class Learnable(torch.nn.Module):
    """A merge as parameters that learn. `changes` are the tensors that an expert changed, for each expert."""

    def __init__(self, merged: Merged) -> None:
        super().__init__()
        vectors = task_vectors(merged.base, merged.experts)
        self.names = [name for name in sorted(merged.base) if any(one[name].any() for one in vectors)]
        self.start = {name: torch.from_numpy(merged.base[name]) for name in self.names}
        self.changes = [{name: torch.from_numpy(one[name]) for name in self.names} for one in vectors]

    @abstractmethod
    def forward(self, draw: torch.Generator | None = None) -> dict[str, Tensor]:
        """The merged tensors; with a generator, as they are drawn where they learn."""

    @abstractmethod
    def learned(self) -> dict[str, Array]:
        """The arrays that are kept."""


class Scales(Learnable):
    """A factor for each expert and tensor, or each expert alone."""

    def __init__(self, merged: Merged, start: float, *, isotropic: bool) -> None:
        super().__init__(merged)
        self.stacked = {name: torch.stack([one[name] for one in self.changes]) for name in self.names}
        columns = 1 if isotropic else len(self.names)
        self.factors = torch.nn.Parameter(torch.full((len(self.changes), columns), start))

    def forward(self, draw: torch.Generator | None = None) -> dict[str, Tensor]:  # noqa: ARG002 - none is drawn
        """As of Learnable."""
        each = self.factors.expand(-1, len(self.names))
        return {
            name: self.start[name] + torch.tensordot(each[:, place], self.stacked[name], 1)
            for place, name in enumerate(self.names)
        }

    def learned(self) -> dict[str, Array]:
        """As of Learnable."""
        return {"scales": self.factors.detach().expand(-1, len(self.names)).numpy().copy()}


class Mask(Learnable):
    """One mask for all experts, a relaxed Bernoulli variable for each parameter."""

    def __init__(self, merged: Merged, scale: float, *, temperature: float) -> None:
        super().__init__(merged)
        total = summed([{name: one.numpy() for name, one in each.items()} for each in self.changes])
        self.change = {name: scale * torch.from_numpy(one) for name, one in total.items()}
        self.temperature = temperature
        self.logits = torch.nn.ParameterList(torch.zeros_like(self.start[name]) for name in self.names)

    def forward(self, draw: torch.Generator | None = None) -> dict[str, Tensor]:
        """As of Learnable."""
        return {
            name: self.start[name] + drawn_mask(logits, self.temperature, draw) * self.change[name]
            for name, logits in zip(self.names, self.logits, strict=True)
        }

    def learned(self) -> dict[str, Array]:
        """As of Learnable."""
        return {
            f"mask.{name}": drawn_mask(logits.detach(), self.temperature, None).numpy().astype(np.float16)
            for name, logits in zip(self.names, self.logits, strict=True)
        }


def learn(
    module: Learnable,
    merged: Merged,
    training: Sequence[Pairs],
    validation: Sequence[Pairs],
    size: int,
    temperature: float,
    plan: Plan,
    attempt: Attempt,
) -> History:
    """Trains how to merge, in place: `size` pairs of one file are a step, and validation chooses the step."""

    def loss(draw: torch.Generator) -> Tensor:
        pairs = training[int(torch.randint(len(training), (), generator=draw))]
        chosen = [pairs[place] for place in batch(len(pairs), size, draw).tolist()]
        texts = [left for left, _ in chosen] + [right for _, right in chosen]
        rows = merged.vectors(module(draw), texts)
        return angular_contrast(*rows.chunk(2), temperature=temperature)

    return train(module, loss, plan, attempt, validate=lambda: mean_of(merged.ranks(module(), validation)))
