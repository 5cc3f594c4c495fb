"""A space of categorical features, learned from pairs of things that belong together.

All features share one table of vectors (feature multiplexing, arXiv:2305.12102): a value needs no vocabulary,
and a feature no size of its own. A thing is the rows of all its values, one after another, multiplied by a
projection, which has weights of its own for each feature. A feature of several values has the mean of their
rows, and one without a value counts for nothing. Table and projection are learned so that the sides of a pair
are nearer to each other than to the others of a batch (InfoNCE).

Data are files of lines in JSON, as {"features": {"user": "u17", "likes": ["jazz", "tea"]}, "same": {"page":
"p3"}}: both sides are features, the same ones or others. The report counts how many partners of held-out
pairs are found among all held-out right sides, by the space and by the same table before it learned. With
`steps=0` the table stays untrained: a random vector for each value, so that equal values meet and, but for
those that share a row, no others do.

The result is a model and its card (docs/own-models.md): contents of the space `space` are features.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.digests import digest
from tieback.training.splits import split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.recipes.adapt.feature_space import FEATURE_TABLE, adapt, check_name
from tieback_lab.training.data.feature_lines import pair_files, read_feature_pairs

MAKES = "a space of categorical features"

FEWEST = 50  # pairs
MOST_FEATURES = 256


@recipes.method
def feature_pairs(
    run: TrainingRun,
    *,
    space: str = "features",
    size: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000,
    width: Annotated[int, Field(ge=1, le=512)] = 16,
    lookups: Annotated[int, Field(ge=1, le=64)] = 2,
    lookups_of: dict[str, Annotated[int, Field(ge=1, le=64)]] = {},  # noqa: B006 - a default that nothing changes
    vector: Annotated[int, Field(ge=1, le=4096)] = 64,
    steps: Annotated[int, Field(ge=0)] = 1500,
    batch: Annotated[int, Field(ge=2)] = 256,
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3,
    temperature: Annotated[float, Field(gt=0)] = 0.1,
    patience: Annotated[int, Field(ge=0)] = 5,
    seed: int = 0,
) -> Learned:
    """A table `[size, width]`, of which each value has `lookups` rows, served as vectors of `vector` numbers.

    `lookups_of` has the lookups of single features: one of many values may be given more. A step sees `batch`
    pairs. Training ends early where `patience` validations in a row were not better than the best; 0 never
    ends it early.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train import feature_pairs as network

    check_name(space, field="space")
    files = pair_files(run.data)
    pairs = read_feature_pairs(files)
    if len(pairs) < FEWEST:
        raise InvalidInput(
            f"there are {len(pairs)} pairs to learn from, and it takes {FEWEST}", field=at("data")
        )
    names = sorted({name for pair in pairs for side in pair for name in side})
    if len(names) > MOST_FEATURES:
        raise InvalidInput(
            f"there are {len(names)} features; at most {MOST_FEATURES} may be", field=at("data")
        )
    if unknown := sorted(set(lookups_of) - set(names)):
        raise InvalidInput(
            f"there is no feature {unknown[0]!r}; there are: {', '.join(names)}",
            field=at("parameters", "lookups_of").key(unknown[0]),
        )
    shape = network.Shape(size, width, {name: lookups_of.get(name, lookups) for name in names}, vector)
    left, right = (network.Things([pair[side] for pair in pairs], shape, seed) for side in (0, 1))
    parts = split(len(pairs), seed)
    plan = Plan(steps, learning_rate, weight_decay=0.0, look_every=100, patience=patience, seed=seed)
    inputs: dict[str, Any] = {
        "pairs": digest(repr(pairs)), "plan": repr(plan), "batch": batch, "temperature": temperature,
        "shape": repr(shape),
    }  # fmt: skip

    def make() -> dict[str, Array]:
        run.say(f"learning {len(names)} features from {len(parts.training):,} pairs")
        after, before, history = network.learned(
            *(left, right, parts, shape, plan),
            run.attempt(f"feature-pairs-{space}", digest(inputs), every=plan.look_every),
            pairs=batch,
            temperature=temperature,
        )
        found = {"after": after, "before": before}
        return {
            **{f"{when}.{name}": one for when, own in found.items() for name, one in own.items()},
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays("feature pairs", network.learned, inputs, make)
    places = {}
    for way, when in (("before training", "before."), ("learned", "after.")):
        arrays = {name.removeprefix(when): one for name, one in step.items() if name.startswith(when)}
        model = network.with_arrays(shape, arrays)
        places[way] = network.places_of_partners(model, left, right, parts.held_out)
    found = {
        way: {
            "recall_at_1": float((own == 1).mean()),
            "recall_at_10": float((own <= 10).mean()),
            "reciprocal_rank": float((1 / own).mean()),
        }
        for way, own in places.items()
    }
    among = len(np.unique(right.same[parts.held_out]))
    parameters = {"lookups": lookups, "lookups_of": lookups_of, "seed": seed}
    return Learned(
        FEATURE_TABLE,
        {name: step[f"after.{name}"] for name in ("table", "projection")},
        (),
        files,
        facts={
            "space": space,
            "features": names,
            "method": "multiplexed",
            "parameters": parameters,
            "trained": steps > 0,
        },
        metrics={"pairs": {"training": len(parts.training), "held_out": len(parts.held_out)}, "found": found},
        report={
            f"Right sides of {len(parts.held_out)} held-out pairs, found among {among} by the left ones": [
                {"vectors": way, **own} for way, own in found.items()
            ],
            "Training": [{"step": int(place), "loss": value} for place, value in step["losses"]],
        },
        adapt=adapt,
    )
