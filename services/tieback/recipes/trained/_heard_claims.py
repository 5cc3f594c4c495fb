"""Likelihoods of labelled claims by a language model, and their worth beside a network that reads claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.models.language_model import load_language_model
from tieback.models.likelihood import claim_likelihoods
from tieback.recipes.trained import TrainingRun
from tieback.recipes.trained._claim_pairs import Pair
from tieback.recipes.trained._claim_weights import measured
from tieback.training.digests import digest

LONGEST = 60_000
"""Characters of evidence that are read."""
TOLD_EVERY = 100

MEASURES = ("AUC", "balanced accuracy", "ticks", "ticks that are right")


def asked_of(sources: Sequence[str], count: int, seed: int) -> Array:
    """The places of `count` claims of each source, or of all that it has, drawn by the seed."""
    draw, names = np.random.default_rng(seed), np.array(sources)
    chosen = [draw.permutation(np.flatnonzero(names == one))[:count] for one in sorted(set(sources))]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *chosen]))


def likelihoods_of(run: TrainingRun, name: str, pairs: Sequence[Pair]) -> Array:
    """The mean log-probabilities of claims by a language model, behind their evidence and alone `[pairs, 2]`.

    They are kept by model and pairs, so another network does not ask again.
    """
    texts = [(pair.evidence[:LONGEST], pair.claim) for pair in pairs]

    def make() -> dict[str, Array]:
        model = load_language_model(run.generators[name], run.store)
        found = []
        for number, (evidence, claim) in enumerate(texts):
            if number % TOLD_EVERY == 0:
                run.say(f"asking {name} how likely claims are: {number} of {len(texts)}")
            found.append(claim_likelihoods(model, evidence, claim))
        return {"likelihoods": np.array(found, np.float32).reshape(-1, 2)}

    inputs = {"model": f"{name} {run.generators[name].revision}", "pairs": digest(*texts)}
    return run.steps.arrays(f"likelihoods by {name}", claim_likelihoods, inputs, make)["likelihoods"]


def beside(
    pairs: Sequence[Pair], asked: Array, without: tuple[Array, Array], heard: tuple[Array, Array]
) -> list[dict[str, Any]]:
    """Rows by set, and of their means, of the claims that a language model was asked of: likelihoods and
    ticks without it, and with it.
    """
    kept = [one for one, is_asked in zip(pairs, asked, strict=True) if is_asked]
    (rows, means), (others, other_means) = (
        measured(likely[asked], ticked[asked], kept) for likely, ticked in (without, heard)
    )
    whole = [_mean(rows, means), *rows], [_mean(others, other_means), *others]
    return [
        {**one, **{f"{name}, asked": other[name] for name in MEASURES}}
        for one, other in zip(*whole, strict=True)
    ]


def _mean(rows: Sequence[Mapping[str, Any]], means: Mapping[str, Any]) -> dict[str, Any]:
    """The row of means over sets, and of ticks over claims."""
    right = means["ticks_that_are_right"]
    return {
        "set": "mean",
        "domain": "",
        "claims": sum(row["claims"] for row in rows),
        "AUC": round(means["AUC"], 3),
        "balanced accuracy": round(means["balanced_accuracy"], 3),
        "ticks": sum(row["ticks"] for row in rows),
        "ticks that are right": "–" if right is None else round(right, 3),
    }
