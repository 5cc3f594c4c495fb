"""A table of vectors for categorical features, learned from clicks, with the network that reads it.

By default all features share one table (feature multiplexing, arXiv:2305.12102): a value needs no vocabulary,
and no feature a size of its own. Learned are the vectors and one hidden layer that predicts from them whether
an impression was clicked. Beside it, a table for each feature is learned in the same way, of as many rows in
all, and the report compares the two on impressions that neither has seen.

Data are files of lines in JSON: `{"features": {"user": "u17", "page": "sports"}, "label": 1}`. A feature that
a line lacks has the value "". The embedding of an item is `embedded(rows, table)`, with the rows that the
method of the family `feature_tables` gives; the facts of the artifact name it with its parameters.

Beside the artifact a model and its card are written, which serve the embeddings: a space of the name `space`
whose contents are features (docs/own-models.md). There, a feature that is not given counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput, StartupError
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.digests import digest
from tieback.training.splits import split
from tieback_contract.arrays import Array

from tieback_lab.methods.feature_tables import feature_tables
from tieback_lab.recipes.adapt.feature_space import FEATURE_TABLE, adapt, check_name
from tieback_lab.training.data.feature_lines import one_value

if TYPE_CHECKING:
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train.click_model import Shape

MAKES = "a table of vectors for categorical features"

FEWEST = 100  # impressions
_OTHERS = "separate"
_ARRAYS = ("table", "first.weight", "first.bias", "second.weight", "second.bias")


class Impressions(NamedTuple):
    """By feature, its value for each impression, and which were clicked `[n]`."""

    columns: dict[str, list[str]]
    clicked: Array


@recipes.method
def feature_table(
    run: TrainingRun,
    *,
    space: str = "features",
    size: Annotated[int, Field(ge=1)] = 10_000,
    width: Annotated[int, Field(ge=1)] = 16,
    lookups: Annotated[int, Field(ge=1, le=64)] = 1,
    hidden: Annotated[int, Field(ge=1)] = 32,
    steps: Annotated[int, Field(ge=1)] = 1500,
    batch: Annotated[int, Field(ge=1)] = 512,
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3,
    patience: Annotated[int, Field(ge=0)] = 3,
    seed: int = 0,
) -> Learned:
    """The table `[size, width]`, of which each value has `lookups` rows, served as `space`.

    Training ends early where `patience` validations in a row were not better than the best; 0 never ends it
    early.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train.click_model import Shape

    check_name(space, field="space")
    known = _read(run.data)
    if len(known.clicked) < FEWEST:
        raise InvalidInput(
            f"there are {len(known.clicked)} impressions to learn from, and it takes {FEWEST}", field="data"
        )
    if size < len(known.columns):
        raise InvalidInput(f"{size} rows are too few for {len(known.columns)} features", field="size")
    plan = Plan(steps, learning_rate, weight_decay=0.0, look_every=100, patience=patience, seed=seed)
    shape = Shape(size, width, hidden)
    shared: dict[str, Any] = {"lookups": lookups, "seed": seed}
    own = _learn(run, "multiplexed", shared, known, shape, plan, batch)
    others = _learn(run, _OTHERS, {"seed": seed}, known, shape, plan, batch)
    rows = [
        {
            "table": name,
            "AUC on held-out impressions": float(made["auc"][0]),
            "|cosine| of two features' weights before": float(made["cosines"][0]),
            "and after": float(made["cosines"][1]),
        }
        for name, made in (("one for all features", own), ("one for each feature", others))
    ]
    return Learned(
        FEATURE_TABLE,
        {name: own[name] for name in _ARRAYS},
        (),
        run.data,
        facts={
            "space": space,
            "features": sorted(known.columns),
            "method": "multiplexed",
            "parameters": shared,
        },
        metrics={
            "impressions": len(known.clicked),
            "auc": {
                "multiplexed": round(float(own["auc"][0]), 4),
                _OTHERS: round(float(others["auc"][0]), 4),
            },
            "cosines": [round(float(one), 4) for one in own["cosines"]],
        },
        report={"Held-out impressions": rows},
        adapt=adapt,
    )


def _learn(
    run: TrainingRun,
    method: str,
    parameters: Mapping[str, Any],
    known: Impressions,
    shape: Shape,
    plan: Plan,
    batch: int,
) -> dict[str, Array]:
    """The arrays of the model, its AUC, and the cosines of its weights before and after."""
    from tieback_lab.recipes.train import click_model as clicks

    rows = feature_tables.configure(method, parameters)(known.columns, shape.size)
    per_feature = rows.shape[1] // len(known.columns)
    features = [lookup // per_feature for lookup in range(rows.shape[1])]
    parts = split(len(rows), plan.seed)
    training, validation, held_out = (
        clicks.Examples(rows[part], known.clicked[part])
        for part in (parts.training, parts.validation, parts.held_out)
    )

    inputs: dict[str, Any] = {
        "rows": digest(rows, known.clicked), "plan": repr(plan), "shape": repr(shape), "batch": batch,
    }  # fmt: skip

    def make() -> dict[str, Array]:
        run.say(f"learning a {method} table from {len(training.labels):,} impressions")
        learned = clicks.fitted(
            *(training, validation, shape, features, plan),
            run.attempt(f"feature-table-{method}", digest(inputs), every=plan.look_every),
            batch=batch,
        )
        arrays = {name: one.detach().numpy() for name, one in learned.model.state_dict().items()}
        score = clicks.auc(clicks.predicted(learned.model, held_out.rows), held_out.labels)
        return {**arrays, "auc": np.array([score]), "cosines": np.array(learned.cosines)}

    return run.steps.arrays(f"{method} feature table", clicks.fitted, inputs, make)


def _read(files: Sequence[Path]) -> Impressions:
    """The impressions of all files. StartupError, with the line, where one is none."""
    if not files:
        raise StartupError("there is nothing to learn from: name files of impressions by --data")
    read: list[tuple[dict[str, str], float]] = []
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            try:
                said = json.loads(line)
                features = {str(name): one_value(value) for name, value in said["features"].items()}
                read.append((features, {0: 0.0, 1: 1.0}[said["label"]]))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StartupError(
                    f'{file.name}, line {number}, is no impression; one is {{"features": {{"user": "u17"}}, '
                    '"label": 1}, with the label 0 or 1'
                ) from error
    names = sorted({name for features, _ in read for name in features})
    columns = {name: [features.get(name, "") for features, _ in read] for name in names}
    return Impressions(columns, np.array([label for _, label in read], np.float32))
