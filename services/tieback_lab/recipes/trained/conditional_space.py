"""A space for each condition: contents that agree in "colour", or in "shape", are near under it.

Conditional cross-attention (Song et al., 2023, arXiv:2307.13254) reads one content under several conditions.
The encoder stays as it is. What is learned is how its vectors are projected (see the method
`cross_attention`), from contents with labels, a line each of a JSONL file. The loss is the paper's triplet
loss: under a condition, two contents with one label are to be nearer than two with different ones.

Stored vectors are projected as they are, so nothing is encoded again. The result is named by
TIEBACK_ARTIFACTS, and by the names of its conditions in requests. No weights come with the server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.catalog.base_card import NAME
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.models.content_rows import row_kinds
from tieback.recipes.train.encoded_rows import labelled_rows
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.labelled_contents import LabelledContent, labelled_files, read_labelled
from tieback.training.digests import digest
from tieback.training.splits import Split, split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback_lab.methods.conditional_projection import cross_attention
from tieback_lab.models.learned.conditional_space import CONDITIONAL_SPACE

if TYPE_CHECKING:
    from tieback_lab.recipes.train.conditions import Labelled

MAKES = "a conditional space"
METHOD = "cross_attention"

FEWEST_CONTENTS = 32
"""Of fewer, hardly any is left to compare with."""

FEWEST_LABELS, FEWEST_OF_A_LABEL = 2, 2
"""Of a condition, so that there are contents that agree in it, and some that do not."""


@recipes.method
def conditional_space(
    run: TrainingRun,
    *,
    space: str = "efficientnet-lite0",
    regions: bool = False,
    width: Annotated[int, Field(ge=2)] = 32,
    inner: Annotated[int, Field(ge=2)] = 32,
    steps: Annotated[int, Field(ge=0)] = 300,
    batch: Annotated[int, Field(ge=4)] = 64,
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3,
    weight_decay: Annotated[float, Field(ge=0)] = 0.05,
    margin: Annotated[float, Field(gt=0)] = 0.3,
    patience: Annotated[int, Field(ge=0)] = 0,
    seed: int = 0,
) -> Learned:
    """The projections of vectors of `space` to `width` dimensions for each condition of the labels.

    With `regions`, contents are compared by the rows of their multi-vectors too, as collections store photos
    where TIEBACK_REGIONS is each: what a condition is about may be in a part of a photo. A step sees `batch`
    contents. Training ends early where `patience` validations in a row were not better than the best; 0
    never ends it early.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train import conditions as _conditions

    card = _card(run, space, regions=regions)
    files = labelled_files(run.data)
    given = read_labelled(files, texts=card.modality is Modality.TEXT)
    conditions = _checked(given)
    rows, mask = labelled_rows(run, card, given, regions=regions)
    labelled = _conditions.Labelled(rows, mask, _numbers(given, conditions))
    parts = split(len(given), seed)
    plan = Plan(steps, learning_rate, weight_decay=weight_decay, patience=patience, seed=seed)
    inputs: dict[str, Any] = {
        "rows": labelled.rows, "mask": labelled.mask, "labels": labelled.labels, "width": width,
        "inner": inner, "steps": steps, "batch": batch, "learning_rate": learning_rate,
        "weight_decay": weight_decay, "margin": margin, "patience": patience, "seed": seed,
    }  # fmt: skip

    def make() -> dict[str, Array]:
        run.say(f"learning {', '.join(conditions)} from {len(parts.training)} contents")
        state, history = _conditions.learn_conditions(
            labelled,
            parts,
            cross_attention.start(
                labelled.rows[parts.training],
                labelled.mask[parts.training],
                conditions=len(conditions),
                inner=inner,
                width=width,
                seed=seed,
            ),
            plan,
            run.attempt(f"conditional-{space}", digest(*inputs.values()), every=plan.look_every),
            batch_size=batch,
            margin=margin,
        )
        return {
            **{f"state.{key}": array for key, array in state.items()},
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays(
        f"conditions of {space}",
        _conditions.learn_conditions,
        inputs,
        make,
        beside=(cross_attention.cross_attention,),
    )
    state = {key.removeprefix("state."): one for key, one in step.items() if key.startswith("state.")}
    metrics, report = _measured(labelled, conditions, state, parts, step["losses"])
    facts = {"encoder": card.name, "conditions": list(conditions), "method": METHOD, "regions": regions}
    return Learned(CONDITIONAL_SPACE, state, (card.space,), files, facts, metrics, report)


def _measured(
    labelled: Labelled, conditions: Sequence[str], state: Mapping[str, Array], parts: Split, losses: Array
) -> tuple[dict[str, Any], dict[str, Any]]:
    """How held-out contents find those that agree with them, among all contents but themselves."""
    from tieback_lab.recipes.train import conditions as _conditions

    rows = parts.held_out
    found = {
        name: {
            "under the condition": _conditions.mean_precision(labelled, state, number, rows),
            "without": _conditions.mean_precision(labelled, None, number, rows),
        }
        for number, name in enumerate(conditions)
    }
    metrics = {
        "mean_average_precision": {
            name: {way: round(value, 4) for way, value in one.items()} for name, one in found.items()
        },
        "contents": {
            "training": len(parts.training),
            "validation": len(parts.validation),
            "held_out": len(rows),
        },
        "losses": losses.tolist(),
    }
    title = f"mAP of {len(rows)} held-out contents, among {len(labelled)}"
    report = {
        title: [{"condition": name, **one} for name, one in found.items()],
        "Training": [{"step": int(step), "loss": value} for step, value in losses],
    }
    return metrics, report


def _checked(given: Sequence[LabelledContent]) -> list[str]:
    """The names of the conditions, sorted. InvalidInput where one cannot be learned."""
    if len(given) < FEWEST_CONTENTS:
        raise InvalidInput(
            f"there are {len(given)} contents to learn from, and it takes {FEWEST_CONTENTS}", field="data"
        )
    conditions = sorted({name for one in given for name in one.labels})
    for name in conditions:
        if not re.fullmatch(NAME, name):
            raise InvalidInput(
                f"the name of a condition is of small letters, digits, '.' and '-', not {name!r}",
                field="data",
            )
        labels = [one.labels[name] for one in given if name in one.labels]
        several = [label for label in set(labels) if labels.count(label) >= FEWEST_OF_A_LABEL]
        if len(several) < FEWEST_LABELS:
            raise InvalidInput(
                f"{name!r} has {len(several)} labels with {FEWEST_OF_A_LABEL} contents or more, and it takes "
                f"{FEWEST_LABELS}",
                field="data",
            )
    return conditions


def _numbers(given: Sequence[LabelledContent], conditions: Sequence[str]) -> Array:
    """The number of each label `[contents, conditions]`; -1 where a content has none."""
    found = np.full((len(given), len(conditions)), -1)
    for number, name in enumerate(conditions):
        known = {label: n for n, label in enumerate(sorted({one.labels.get(name, "") for one in given}))}
        for place, one in enumerate(given):
            if name in one.labels:
                found[place, number] = known[one.labels[name]]
    return found


def _card(run: TrainingRun, name: str, *, regions: bool) -> EncoderCard:
    if name not in run.cards:
        raise NotFound("space", name, run.cards)
    card = run.cards[name]
    kinds = row_kinds(regions)
    if not kinds <= card.kinds or (regions and card.modality is not Modality.IMAGE):
        raise InvalidInput(
            f"{name} reads {card.modality} and gives {', '.join(sorted(card.kinds))}; with regions, an "
            "encoder of pictures that gives them is needed",
            field=at("parameters", "regions" if VectorKind.DENSE in card.kinds else "space"),
        )
    return card
