"""A checker of claims: the network of the method `token_alignment`, learned from labelled pairs.

Pairs of evidence and claim come from JSONL files: `{"evidence": …, "claim": …, "label": "supported" |
"contradicted" | "unsupported", "source": …}`, or a premise, a hypothesis and "entailment", "contradiction" or
"neutral". To them come pairs that are made of them, of which one thing was changed. Claims are held against
evidence by their tokens' vectors in a text space that stays as it is (decomposable attention; Parikh et al.,
2016, arXiv:1606.01933). Every set counts by the root of its size, and within a set every label alike.

Likelihoods are calibrated (Guo et al., 2017, arXiv:1706.04599) by pairs that were held out, and by sets that
no step of training has seen, `unseen`: a network is surer than it may be of texts that are unlike those that
it learned from. For the same reason likelihoods are drawn back to the share of claims that is expected to be
supported. The report is of other pairs that were held out. Of `asked` of the same pairs the language model of
that name says how likely it finds the claims, and a second calibration weighs that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.field_path import at
from tieback.core.types.arrays import Array
from tieback.core.types.vectors import VectorKind
from tieback.methods.grounding import checkers
from tieback.methods.grounding._verdicts import bounds
from tieback.methods.grounding.token_alignment import PRECISION, calibrated_by
from tieback.models.state_artifact import CHECKER
from tieback.recipes.trained import Learned, Run, recipes
from tieback.recipes.trained._calibration import curve, less_sure, logistic, weights_of
from tieback.recipes.trained._claim_pairs import Pair, inputs_of, likelihoods_of, read_pairs, standardised
from tieback.recipes.trained._made_claims import made_pairs
from tieback.training.digests import digest
from tieback.training.files import files_of
from tieback.training.splits import split

MAKES = "a checker of claims"

FEWEST_PAIRS = 100
UNSEEN = ("factcheck-gpt", "faithdial-audit", "begin-topicalchat", "begin-cmu-dog")
MOST_RIGHT_CONTRADICTED = 0.01
"""Of the claims that are supported."""
SUPPORTED, CONTRADICTED = 0, 1
THRESHOLDS = np.linspace(0.05, 0.95, 91)


@recipes.method
def grounding(
    run: Run,
    *,
    space: str = "all-minilm-l6-v2",
    pairs: Annotated[int, Field(ge=1)] = 1600,
    made: Annotated[int, Field(ge=0)] = 1200,
    unseen: tuple[str, ...] = UNSEEN,
    hidden: Annotated[int, Field(ge=8, le=512)] = 96,
    decision: Annotated[int, Field(ge=8, le=1024)] = 128,
    steps: Annotated[int, Field(ge=0)] = 2500,
    batch: Annotated[int, Field(ge=2)] = 48,
    learning_rate: Annotated[float, Field(gt=0)] = 1.5e-3,
    model: str = "smollm2-135m-instruct",
    asked: Annotated[int, Field(ge=0)] = 800,
    seed: int = 0,
) -> Learned:
    """The state of the method, learned from at most `pairs` pairs of each set and `made` of each kind that is
    made of them, in the space `space`. The language model `model` is asked of `asked` pairs, at about half a
    second each; of none with 0.
    """
    from tieback.models.language_model import load_language_model
    from tieback.models.loading import load_encoder
    from tieback.recipes.trained import _alignment_network
    from tieback.training.loop import Plan, said_every

    card = _card(run, space)
    if asked and model not in run.generators:
        raise NotFound("language model", model, run.generators)
    files = files_of(run.data, (".jsonl",), "labelled pairs")
    read = read_pairs(files, most=pairs, seed=seed)
    apart = [one for one in read if one.source in unseen]
    read = [one for one in read if one.source not in unseen]
    read += made_pairs(read, most=made, seed=seed)
    labels = np.array([one.label for one in read], np.int64)
    if len(read) < FEWEST_PAIRS or len(set(labels.tolist())) < 3:
        raise InvalidInput(
            f"there are {len(read)} pairs of {len(set(labels.tolist()))} labels to learn from, and it takes "
            f"{FEWEST_PAIRS} of all 3",
            field="data",
        )
    sources = [one.source for one in read]
    parts = split(len(read), seed)
    choices = _alignment_network.Choices(hidden, decision, batch)
    plan = Plan(steps, learning_rate, look_every=200, seed=seed)
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "pairs": digest(*map(_values, [*read, *apart])),
        "hidden": hidden, "decision": decision, "batch": batch, "steps": steps,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip

    def make() -> dict[str, Array]:
        seen = inputs_of(load_encoder(card, run.store), [*read, *apart], run.say)
        signals = np.stack([seen[place].signals for place in parts.training])
        mean, spread = signals.mean(axis=0), signals.std(axis=0) + 1e-6
        ready = standardised(seen, mean, spread)
        run.say(f"learning from {len(parts.training)} pairs of {len(set(sources))} sets")
        network, history = _alignment_network.learn_alignment(
            [ready[place] for place in parts.training],
            labels[parts.training],
            _weights([sources[place] for place in parts.training], labels[parts.training]),
            choices,
            plan,
            checkpoint=run.steps.root / f"grounding-{card.name}.checkpoint.safetensors",
            trained_on=digest(inputs),
            progress=said_every(plan.look_every, run.say),
        )
        state = {name: array.detach().numpy() for name, array in network.state_dict().items()}
        return {
            **{f"state.{name}": array for name, array in state.items()},
            "state.mean": mean,
            "state.spread": spread,
            "found": _alignment_network.predicted(network, ready),
            "signals": np.stack([one.signals for one in seen]),
            "doubted": np.array([one.is_doubted for one in seen], np.uint8),
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays(
        f"grounding by {card.name}",
        _alignment_network.learn_alignment,
        inputs,
        make,
        beside=(inputs_of, checkers.get("token_alignment")),
    )
    state = {name[6:]: array for name, array in step.items() if name.startswith("state.")}
    everything = [*read, *apart]
    found = Found(
        step["found"],
        step["signals"],
        step["doubted"].astype(bool),
        np.array([one.label for one in everything], np.int64),
        [one.source for one in everything],
    )
    places = np.concatenate([parts.held_out, np.arange(len(read), len(everything))])
    by = found.of(places)
    state |= _calibrated(by)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(by.labels))[:asked])
    of_pairs = [everything[place] for place in places[chosen].tolist()]
    heard = (
        run.steps.arrays(
            f"likelihoods by {model}",
            likelihoods_of,
            {"model": f"{model} {run.generators[model].revision}", "pairs": digest(*map(_values, of_pairs))},
            lambda: {
                "heard": likelihoods_of(
                    load_language_model(run.generators[model], run.store), of_pairs, run.say
                )
            },
        )["heard"]
        if asked
        else None
    )
    state |= _heard(by.of(chosen), heard)
    metrics, rows = _measured(found.of(parts.validation), state)
    metrics["pairs"] = {
        "training": len(parts.training), "calibration": len(by.sources), "held_out": len(parts.validation),
    }  # fmt: skip
    metrics["losses"] = step["losses"].tolist()
    facts = {
        "method": "token_alignment",
        "space": card.name,
        "sets": sorted(set(sources)),
        "calibrated_by": sorted(set(by.sources)),
        **({"likelihood": model} if asked else {}),
    }
    title = "Verdicts on pairs that were held out, by set"
    return Learned(CHECKER.kind, state, (card.space,), files, facts, metrics, {title: rows})


class Found(NamedTuple):
    """What the network gives for pairs `[n, 3]`, their signals, whether something exact speaks against a tick
    `[n]`, labels `[n]` and sets.
    """

    raw: Array
    signals: Array
    doubted: Array
    labels: Array
    sources: Sequence[str]

    def of(self, places: Array) -> Found:
        """Those of the places."""
        return Found(
            self.raw[places],
            self.signals[places],
            self.doubted[places],
            self.labels[places],
            [self.sources[place] for place in places.tolist()],
        )


def _values(pair: Pair) -> list[str]:
    """A pair as values that can be hashed."""
    return [pair.evidence, pair.claim, str(pair.label), pair.source]


def _card(run: Run, space: str) -> EncoderCard:
    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    card = run.cards[space]
    if VectorKind.MULTI_VECTOR not in card.kinds or VectorKind.DENSE not in card.kinds:
        raise InvalidInput(
            f"{space} gives no vectors of tokens beside those of texts", field=at("parameters", "space")
        )
    return card


def _weights(sources: Sequence[str], labels: Array) -> Array:
    """How often each pair is drawn: a set by the root of its size, within it every label alike."""
    keys = [f"{source} {label}" for source, label in zip(sources, labels.tolist(), strict=True)]
    sizes = {one: sources.count(one) for one in set(sources)}
    counts = {one: keys.count(one) for one in set(keys)}
    return np.array(
        [sizes[source] ** 0.5 / counts[key] for source, key in zip(sources, keys, strict=True)], np.float64
    )


def _calibrated(by: Found) -> dict[str, Array]:
    own = by.labels == SUPPORTED
    weights = weights_of(by.sources, own)
    read = calibrated_by(by.raw, by.signals)
    slopes, constant = less_sure(*logistic(read, own, weights))
    likely = _likely(read, slopes, constant)
    against = next(
        (
            float(least)
            for least in THRESHOLDS
            if not own.any() or (by.raw[own, CONTRADICTED] >= least).mean() <= MOST_RIGHT_CONTRADICTED
        ),
        float(THRESHOLDS[-1]),
    )
    return {
        "calibrate.weight": slopes,
        "calibrate.bias": np.array([constant], np.float32),
        "contradicted": np.array([against], np.float32),
        "curve": curve(likely, own, by.doubted, weights),
    }


def _heard(by: Found, heard: Array | None) -> dict[str, Array]:
    """The second calibration, by what a language model says as well; without weights where none was asked."""
    nothing = np.zeros(1, np.float32)
    if heard is None:
        return {
            "heard.weight": nothing[:0],
            "heard.bias": nothing,
            "heard.curve": np.zeros((1, 3), np.float32),
        }
    own = by.labels == SUPPORTED
    weights = weights_of(by.sources, own)
    read = calibrated_by(by.raw, by.signals, heard)
    slopes, constant = less_sure(*logistic(read, own, weights))
    return {
        "heard.weight": slopes,
        "heard.bias": np.array([constant], np.float32),
        "heard.curve": curve(_likely(read, slopes, constant), own, by.doubted, weights),
    }


def _likely(read: Array, slopes: Array, constant: float) -> Array:
    return np.asarray(1 / (1 + np.exp(-(read @ slopes + constant))))


def _measured(found: Found, state: dict[str, Array]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    own = found.labels == SUPPORTED
    likely = _likely(
        calibrated_by(found.raw, found.signals), state["calibrate.weight"], float(state["calibrate.bias"][0])
    )
    least, _ = bounds(state["curve"], PRECISION)
    ticked = (likely >= least) & ~found.doubted
    called = ~ticked & (found.raw[:, CONTRADICTED] >= state["contradicted"][0])
    rows = []
    for source in sorted(set(found.sources)):
        here = np.array([one == source for one in found.sources])
        right = own[here & ticked]
        rows.append(
            {
                "set": source,
                "pairs": int(here.sum()),
                "balanced accuracy": round(_balanced(likely[here] >= 0.5, own[here]), 3),
                "ticked": round(float(ticked[here].mean()), 3),
                "ticks that are right": round(float(right.mean()), 3) if len(right) else "–",
            }
        )
    metrics = {
        "balanced_accuracy": round(_balanced(likely >= 0.5, own), 4),
        "ticked": round(float(ticked.mean()), 4),
        "ticks_that_are_right": round(float(own[ticked].mean()), 4) if ticked.any() else None,
        "right_called_contradicted": round(float(called[own].mean()), 4),
        "contradicted_found": round(float(called[found.labels == CONTRADICTED].mean()), 4),
    }
    return metrics, rows


def _balanced(ticked: Array, own: Array) -> float:
    """The mean of the shares of right verdicts among supported and other claims; of one kind, its share."""
    shares = [float(right.mean()) for right in (ticked[own], ~ticked[~own]) if len(right)]
    return sum(shares) / len(shares)
