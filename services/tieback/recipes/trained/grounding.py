"""A checker of claims: the network of the method `token_alignment`, learned from labelled pairs.

Pairs of evidence and claim come from JSONL files: `{"evidence": …, "claim": …, "label": "supported" |
"contradicted" | "unsupported", "source": …}`, or a premise, a hypothesis and "entailment", "contradiction" or
"neutral". They are held against each other by their tokens' vectors in a text space that stays as it is
(decomposable attention; Parikh et al., 2016, arXiv:1606.01933). Every set counts by the root of its size, and
within a set every label alike.

The thresholds are chosen on pairs that no step has seen, and the report is of others: of support where nine
of ten claims that are called supported are, of contradiction where at most 1 % of the supported claims would
be called contradicted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.field_path import at
from tieback.core.types.arrays import Array
from tieback.core.types.vectors import VectorKind
from tieback.methods.grounding import checkers
from tieback.models.grounding_artifact import GROUNDING
from tieback.recipes.trained import Learned, Run, recipes
from tieback.recipes.trained._claim_pairs import Pair, inputs_of, read_pairs, standardised
from tieback.training.digests import digest
from tieback.training.files import files_of
from tieback.training.splits import split

MAKES = "a checker of claims"

FEWEST_PAIRS = 100
TICKS_RIGHT, MOST_RIGHT_CONTRADICTED = 0.9, 0.01
"""Shares of the claims that are called supported, and of those that are."""
SUPPORTED, CONTRADICTED = 0, 1
THRESHOLDS = np.linspace(0.05, 0.95, 91)


@recipes.method
def grounding(
    run: Run,
    *,
    space: str = "all-minilm-l6-v2",
    pairs: Annotated[int, Field(ge=1)] = 4000,
    hidden: Annotated[int, Field(ge=8, le=512)] = 96,
    decision: Annotated[int, Field(ge=8, le=1024)] = 128,
    steps: Annotated[int, Field(ge=0)] = 3000,
    batch: Annotated[int, Field(ge=2)] = 48,
    learning_rate: Annotated[float, Field(gt=0)] = 1.5e-3,
    seed: int = 0,
) -> Learned:
    """The state of the method, learned from at most `pairs` pairs of each set, in the space `space`."""
    from tieback.models.loading import load_encoder
    from tieback.recipes.trained import _alignment_network
    from tieback.training.loop import Plan, said_every

    card = _card(run, space)
    files = files_of(run.data, (".jsonl",), "labelled pairs")
    read = read_pairs(files, most=pairs, seed=seed)
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
        "space": f"{card.space} {card.space.fingerprint}", "pairs": digest(*map(_values, read)),
        "hidden": hidden, "decision": decision, "batch": batch, "steps": steps,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip

    def make() -> dict[str, Array]:
        seen = inputs_of(load_encoder(card, run.store), read, run.say)
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
        chosen_by, held_out = (
            _alignment_network.predicted(network, [ready[place] for place in places])
            for places in (parts.validation, parts.held_out)
        )
        state = {name: array.detach().numpy() for name, array in network.state_dict().items()}
        return {
            **{f"state.{name}": array for name, array in state.items()},
            "state.mean": mean,
            "state.spread": spread,
            "chosen_by": chosen_by,
            "held_out": held_out,
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
    state["thresholds"] = _thresholds(step["chosen_by"], labels[parts.validation])
    held_out = [sources[place] for place in parts.held_out]
    metrics, rows = _measured(step["held_out"], labels[parts.held_out], held_out, state["thresholds"])
    metrics["pairs"] = {"training": len(parts.training), "held_out": len(parts.held_out)}
    metrics["losses"] = step["losses"].tolist()
    facts = {"method": "token_alignment", "space": card.name, "sets": sorted(set(sources))}
    title = "Verdicts on pairs that were held out, by set"
    return Learned(GROUNDING, state, (card.space,), files, facts, metrics, {title: rows})


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


def _thresholds(likely: Array, labels: Array) -> Array:
    own = labels == SUPPORTED
    supported = _least(likely[:, SUPPORTED], lambda ticked: own[ticked].mean() >= TICKS_RIGHT)
    contradicted = _least(
        likely[:, CONTRADICTED], lambda called: called[own].mean() <= MOST_RIGHT_CONTRADICTED
    )
    return np.array([supported, contradicted], np.float32)


def _least(likely: Array, is_good: Callable[[Array], bool]) -> float:
    """The lowest threshold from which on what is called so is good; the highest where none is."""
    return next(
        (float(least) for least in THRESHOLDS if (likely >= least).any() and is_good(likely >= least)),
        float(THRESHOLDS[-1]),
    )


def _measured(
    likely: Array, labels: Array, sources: Sequence[str], thresholds: Array
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    own = labels == SUPPORTED
    ticked = likely[:, SUPPORTED] >= thresholds[0]
    called = ~ticked & (likely[:, CONTRADICTED] >= thresholds[1])
    rows = []
    for source in sorted(set(sources)):
        here = np.array([one == source for one in sources])
        rows.append(
            {
                "set": source,
                "pairs": int(here.sum()),
                "balanced accuracy": round(_balanced(ticked[here], own[here]), 3),
                "right called contradicted": round(float(called[here & own].mean()), 3)
                if (here & own).any()
                else "–",
            }
        )
    metrics = {
        "balanced_accuracy": round(_balanced(ticked, own), 4),
        "ticks_that_are_right": round(float(own[ticked].mean()), 4),
        "right_called_contradicted": round(float(called[own].mean()), 4),
        "contradicted_found": round(float(called[labels == CONTRADICTED].mean()), 4),
    }
    return metrics, rows


def _balanced(ticked: Array, own: Array) -> float:
    """The mean of the shares of right verdicts among supported and other claims; of one kind, its share."""
    shares = [float(right.mean()) for right in (ticked[own], ~ticked[~own]) if len(right)]
    return sum(shares) / len(shares)
