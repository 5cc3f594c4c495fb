"""Weights of what is found of claims, verdicts by them, and what they give on domains that are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tieback.methods.grounding._chosen import bounds
from tieback.methods.grounding._features import FEATURES
from tieback.methods.grounding.claim_reading import PRECISION
from tieback.models.language.model import claim_likelihoods, load_language_model
from tieback.recipes.trained import TrainingRun
from tieback.training.digests import digest
from tieback_contract.arrays import Array

from tieback_lab.recipes.reading.calibration import (
    POINTS,
    auc,
    balanced,
    least_right,
    logistic,
    unsupported_up_to,
    weights_of,
)
from tieback_lab.recipes.reading.claim_pairs import Pair
from tieback_lab.recipes.reading.made_claims import SUPPORTED

MOST_RIGHT_CONTRADICTED = 0.01
"""Of the claims that are supported."""
FEWEST_OF_DOMAIN = 20
"""Verdicts that a share of a domain is measured on."""

UNHEARD: Mapping[str, Array] = {
    "weight": np.zeros(0, np.float32),
    "bias": np.zeros(1, np.float32),
}
"""The weights where no language model was asked."""

Learn = Callable[[Array, Sequence[Pair]], Mapping[str, Array]]
"""Features `[n, features]` of claims to weight, bias and curve."""


def weights_and_bounds(found: Array, pairs: Sequence[Pair]) -> dict[str, Array]:
    """The state of the method, but for what is heard of a language model."""
    own = _own(pairs)
    weights = weights_of([one.source for one in pairs], own)
    slopes, constant = logistic(found, own, weights)
    likely = likelihoods(found, slopes, constant)
    against = np.sort(found[own, FEATURES.index("contradiction")])
    most = against[int(np.ceil((1 - MOST_RIGHT_CONTRADICTED) * len(against))) - 1]
    return {
        "weight": slopes,
        "bias": np.array([constant], np.float32),
        "contradicted": np.array([most], np.float32),
        "curve": _curve(likely, own, weights, [one.domain for one in pairs]),
    }


def weights_of_likelihood(found: Array, pairs: Sequence[Pair]) -> dict[str, Array]:
    """Weights where a language model is asked too, and the bounds that hold without it. In `found` its
    feature is behind the others, NaN of a claim that it was not asked of.

    It is asked of few claims. So the other features are weighed by all claims, and by those that it was asked
    of only the sum and what it finds. Ticks by bounds of these few alone were right in 6 of 10 cases.
    """
    count, asked = len(FEATURES), are_whole(found)
    state = weights_and_bounds(found[:, :count], pairs)
    summed = np.column_stack([found[:, :count] @ state["weight"] + state["bias"], found[:, count:]])[asked]
    own, sources = _own(pairs)[asked], [one.source for one in _those(pairs, asked)]
    steep, bias = logistic(summed, own, weights_of(sources, own))
    return state | {
        "weight": np.concatenate([steep[0] * state["weight"], steep[1:]]).astype(np.float32),
        "bias": (steep[0] * state["bias"] + bias).astype(np.float32),
    }


def are_whole(found: Array) -> Array:
    """Tell of which claims all features are known `[n]`."""
    return np.asarray(~np.isnan(found).any(axis=1), bool)


def _curve(likely: Array, own: Array, weights: Array, domains: Sequence[str]) -> Array:
    """Of each of `POINTS` the share of the claims from it on that are supported, in the domain where it is
    least, 0 where none has enough of them; and the share, by the weights, of those up to it that are not
    `[points, 3]`. A share that falls again is taken for noise.

    A tick has to hold in each domain. That a claim is not supported is shown with what is missing, and is
    taken for wrong less often.
    """
    names = np.array(domains)
    ticks = [least_right(own, likely >= point, names, FEWEST_OF_DOMAIN) for point in POINTS]
    others = unsupported_up_to(likely, own, weights)
    return np.stack([POINTS, np.maximum.accumulate(ticks), others], axis=1).astype(np.float32)


def likelihoods(found: Array, slopes: Array, constant: float) -> Array:
    """Likelihoods of support `[n]`."""
    return np.asarray(1 / (1 + np.exp(-(found @ slopes + constant))))


def left_out(found: Array, pairs: Sequence[Pair], learn: Learn = weights_and_bounds) -> tuple[Array, Array]:
    """Likelihood of each claim, and whether it is ticked, by weights and bounds of the other domains
    `[n]` each.
    """
    domains = np.array([one.domain for one in pairs])
    likely, ticked = np.zeros(len(pairs)), np.zeros(len(pairs), bool)
    for domain in sorted(set(domains)):
        out = domains == domain
        if out.all():
            continue
        state = learn(found[~out], _those(pairs, ~out))
        likely[out] = likelihoods(found[out], state["weight"], float(state["bias"][0]))
        ticked[out] = likely[out] >= bounds(state["curve"], PRECISION)[0]
    return likely, ticked


def measured(
    likely: Array, ticked: Array, pairs: Sequence[Pair]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows by set of what is found of claims, and their means."""
    sources, own = np.array([one.source for one in pairs]), _own(pairs)
    domains = {one.source: one.domain for one in pairs}
    rows = []
    for source in sorted(set(sources.tolist())):
        here = sources == source
        right = own[here & ticked]
        rows.append(
            {
                "set": source,
                "domain": domains[source],
                "claims": int(here.sum()),
                "AUC": round(auc(likely[here], own[here]), 3),
                "balanced accuracy": round(balanced(likely[here] >= 1 / 3, own[here]), 3),
                "ticks": len(right),
                "ticks that are right": round(float(right.mean()), 3) if len(right) else "–",
            }
        )
    metrics = {
        "AUC": float(np.nanmean([row["AUC"] for row in rows])),
        "balanced_accuracy": float(np.nanmean([row["balanced accuracy"] for row in rows])),
        "ticked": float(ticked.mean()),
        "ticks_that_are_right": float(own[ticked].mean()) if ticked.any() else None,
    }
    return rows, metrics


def ablation(found: Array, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Rows by feature: the mean AUC without it on domains that are left out, and by how much each domain is
    worse without it.
    """
    domains = np.array([one.domain for one in pairs])
    whole = _by_domain(found, pairs)
    rows: list[dict[str, Any]] = [{"without": "–", "AUC": round(float(np.mean([*whole.values()])), 4)}]
    for place, name in enumerate(FEATURES):
        less = _by_domain(np.delete(found, place, axis=1), pairs)
        gains = {domain: round(whole[domain] - less[domain], 3) for domain in sorted(set(domains))}
        rows.append({"without": name, "AUC": round(float(np.mean([*less.values()])), 4), **gains})
    rows[0] |= dict.fromkeys(sorted(set(domains)), "")
    return rows


def _by_domain(found: Array, pairs: Sequence[Pair]) -> dict[str, float]:
    """The mean AUC over the sets of each domain, by weights of the other ones."""
    domains, sources = (np.array([getattr(one, name) for one in pairs]) for name in ("domain", "source"))
    own = _own(pairs)
    values: dict[str, float] = {}
    for domain in sorted(set(domains)):
        out = domains == domain
        weights = weights_of(sources[~out].tolist(), own[~out])
        slopes, constant = logistic(found[~out], own[~out], weights)
        likely = likelihoods(found[out], slopes, constant)
        sets = sources[out]
        values[domain] = float(
            np.nanmean([auc(likely[sets == one], own[out][sets == one]) for one in set(sets)])
        )
    return values


def _own(pairs: Sequence[Pair]) -> Array:
    """Tell which claims are supported `[n]`."""
    return np.array([one.label == SUPPORTED for one in pairs])


def _those(pairs: Sequence[Pair], chosen: Array) -> list[Pair]:
    return [one for one, is_chosen in zip(pairs, chosen, strict=True) if is_chosen]


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
