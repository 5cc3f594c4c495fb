"""Trains the router of one modality: from an input's vectors, how far to trust each block (arXiv:2407.11895).

The network is OmniBind's: Linear(→ 512) · BatchNorm · ReLU · Linear(→ 100) · BatchNorm · tanh ·
Linear(→ blocks) · sigmoid, and its weights are softmax(10 · scores). Of OmniBind's two objectives it has
decoupling: the scores are to be 1, or less where a block is known to be worth less, in the blocks of what the
input is about, and 0 in the rest. The paper leaves its form open. Here it is the cross-entropy of the weights
that these scores make: an input that may be about two things is then best given the mean of the weights for
either. By a cross-entropy of each score it got the mean of the scores, and so nearly no weight in the blocks
of both, as the weights grow with exp(10 · score). Parts of the input are dropped in training, so that the
weights are good when a space is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from torch import Tensor, nn
from torch.nn import functional

from tieback.core.errors import InvalidInput
from tieback.methods.routing._network import LAYERS
from tieback.training.loop import Attempt, Plan, Progress, batch, train

FIRST, SECOND = 512, 100
BATCH = 256
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.01
SHARPNESS, DROPOUT = 10.0, 0.2
UNKNOWN = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """`inputs` `[n, d]` of which is known how far blocks are for them: `targets` `[n, blocks]`, 0 to 1.

    Of blocks that are not in `known` `[blocks]`, which are all without it, the targets give nothing: their
    scores are to be 0.5, which weighs next to nothing.
    """

    inputs: Array
    targets: Array
    known: Array | None = None

    def check(self, parts: Sequence[int]) -> None:
        """InvalidInput where the arrays do not go together, or the parts do not make the inputs."""
        if len(self.inputs) != len(self.targets) or len(self.inputs) < 2:
            raise InvalidInput(
                f"{len(self.inputs)} inputs have {len(self.targets)} targets; give two or more, with a "
                "target each",
                field="labelled",
            )
        if not np.isfinite(self.inputs).all():
            row = int(np.flatnonzero(~np.isfinite(self.inputs).all(axis=1))[0])
            raise InvalidInput(f"row {row} holds NaN or infinity", field=at("labelled", "inputs"))
        if not ((self.targets >= 0) & (self.targets <= 1)).all():  # false for NaN too
            raise InvalidInput("a target is 0 to 1 for each block", field=at("labelled", "targets"))
        if parts and sum(parts) != (width := self.inputs.shape[1]):
            raise InvalidInput(
                f"the parts {tuple(parts)} do not sum to the inputs' width {width}", field="parts"
            )

    @property
    def tensors(self) -> tuple[Tensor, Tensor]:
        """The inputs, and the scores that are wanted of them."""
        wanted = self.targets if self.known is None else np.where(self.known, self.targets, UNKNOWN)
        return tensor(self.inputs), tensor(wanted)


def train_router(
    labelled: Labelled,
    *,
    parts: Sequence[int] = (),
    steps: int = 300,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> dict[str, Array]:
    """The state of `methods.routing._network.scores`.

    `parts` are the widths of the vectors that stand side by side in an input; each of them is left out at the
    rate DROPOUT. InvalidInput where the arrays do not go together.
    """
    labelled.check(parts)
    inputs, wanted = labelled.tensors
    made = network(inputs.shape[1], wanted.shape[1], seed)
    widths = list(parts) or [inputs.shape[1]]

    def loss(draw: torch.Generator) -> Tensor:
        rows = batch(len(inputs), BATCH, draw)
        logits = made(without_parts(inputs[rows], widths, DROPOUT, draw))
        return decoupled(logits, wanted[rows], SHARPNESS)

    train(made, loss, Plan(steps, LEARNING_RATE, WEIGHT_DECAY, seed=seed), Attempt(progress=progress))
    return folded(made, inputs)


def decoupled(logits: Tensor, wanted: Tensor, sharpness: float) -> Tensor:
    """The cross-entropy of the weights that the wanted scores make."""
    return functional.cross_entropy(sharpness * logits.sigmoid(), (sharpness * wanted).softmax(dim=1))


def tensor(array: Array) -> Tensor:
    """In single precision."""
    return torch.tensor(np.asarray(array, np.float32))


def network(width: int, blocks: int, seed: int) -> nn.Sequential:
    """Untrained, drawn by the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(width, FIRST),
            nn.BatchNorm1d(FIRST),
            nn.ReLU(),
            nn.Linear(FIRST, SECOND),
            nn.BatchNorm1d(SECOND),
            nn.Tanh(),
            nn.Linear(SECOND, blocks),
        )


def without_parts(inputs: Tensor, widths: Sequence[int], rate: float, draw: torch.Generator) -> Tensor:
    """Zeros for some of the parts, at that rate."""
    if len(widths) == 1:
        return inputs  # there is nothing to route by without it
    some = kept(torch.ones(len(inputs), len(widths), dtype=torch.bool), rate, draw)
    return inputs * some.repeat_interleave(torch.tensor(widths), dim=1)


def kept(there: Tensor, rate: float, draw: torch.Generator) -> Tensor:
    """The things of those that are there which stay, in each row; where all would go, all stay."""
    some = there & (torch.rand(there.shape, generator=draw) >= rate)
    return torch.where(some.any(dim=1, keepdim=True), some, there)


def folded(made: nn.Sequential, inputs: Tensor) -> dict[str, Array]:
    """The BatchNorms, as they stand over all inputs, folded into the linear layers."""
    linear = [layer for layer in made if isinstance(layer, nn.Linear)]
    norms = [layer for layer in made if isinstance(layer, nn.BatchNorm1d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over what is seen, which is all at once
    # The first is settled before the second is looked at, or it would see what the batch's own numbers give.
    with torch.no_grad():
        for norm in norms:
            made.eval()
            norm.train()
            made(inputs)
        made.eval()
        weights: list[Tensor] = [layer.weight.T for layer in linear]
        biases: list[Tensor] = [layer.bias for layer in linear]
        for place, norm in enumerate(norms):
            if norm.running_mean is None or norm.running_var is None:
                raise TypeError("a BatchNorm without statistics cannot be folded")
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            weights[place] = weights[place] * gain
            biases[place] = (biases[place] - norm.running_mean) * gain + norm.bias
    state: dict[str, Array] = {}
    for name, weight, bias in zip(LAYERS, weights, biases, strict=True):
        state[name] = np.ascontiguousarray(weight.detach().numpy(), np.float32)
        state[f"{name}_bias"] = np.ascontiguousarray(bias.detach().numpy(), np.float32)
    return state
