"""The two bodies of FusionSent: how each is trained, and what a head makes of their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from tieback.methods.heads import fit, probabilities
from tieback.training.loop import Attempt, Plan, Progress, train
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, normalize

from tieback_lab.recipes.train.layers_and_widths import LayeredEncoder, _encoded

HEAD = "logistic"


def learn_from_pairs(
    module: LayeredEncoder,
    texts: Sequence[Array],
    labels: Array,
    *,
    batch: int,
    plan: Plan,
    progress: Progress,
) -> None:
    """Trains in place, by pairs of texts (SetFit): a cosine of 1 within a class and of 0 between two."""
    of = torch.from_numpy(labels)
    same = of[:, None] == of[None]
    other = same & ~torch.eye(len(of), dtype=torch.bool)

    def loss(draw: torch.Generator) -> Tensor:
        left = torch.randint(len(of), (batch,), generator=draw)
        alike = torch.arange(batch) % 2 == 0
        may = torch.where(alike[:, None], other[left], ~same[left])
        right = torch.multinomial(may.float(), 1, generator=draw).squeeze(1)
        (vectors,) = module([texts[place] for place in (*left, *right)], (module.backbone.layers,))
        one, two = normalize(vectors, dim=1).chunk(2)
        return mse_loss((one * two).sum(dim=1), alike.float())

    train(module, loss, plan, Attempt(progress=progress))


def learn_from_label_texts(
    module: LayeredEncoder,
    texts: Sequence[Array],
    labels: Array,
    label_texts: Sequence[Array],
    *,
    batch: int,
    temperature: float,
    plan: Plan,
    progress: Progress,
) -> None:
    """Trains in place: a text is to be nearer to the text of its label than to those of the others."""
    of = torch.from_numpy(labels)

    def loss(draw: torch.Generator) -> Tensor:
        chosen = torch.randperm(len(of), generator=draw)[:batch]
        both = [*(texts[place] for place in chosen), *label_texts]
        (vectors,) = module(both, (module.backbone.layers,))
        found = normalize(vectors, dim=1)
        return cross_entropy(found[: len(chosen)] @ found[len(chosen) :].T / temperature, of[chosen])

    train(module, loss, plan, Attempt(progress=progress))


def macro_f1(
    module: LayeredEncoder,
    shots: tuple[Sequence[Array], Array],
    held_out: tuple[Sequence[Array], Array],
) -> float:
    """The mean of the classes' F1 on texts held out, by a head over vectors that is fitted on the shots."""
    learnt, asked = (
        normalize(_encoded(module, texts, (module.backbone.layers,))[0], dim=1).numpy()
        for texts, _ in (shots, held_out)
    )
    state = fit(HEAD, learnt, shots[1])
    said, true = probabilities(HEAD, asked, state).argmax(axis=1), held_out[1]
    return float(np.mean([_f1(said == number, true == number) for number in np.unique(true)]))


def _f1(said: Array, true: Array) -> float:
    right = float((said & true).sum())
    return 2 * right / max(float(said.sum() + true.sum()), 1.0)
