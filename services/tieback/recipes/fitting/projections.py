"""Fits of space projections on their anchors, and the choice of their methods.

One from prototypes, class names or pairs has attention to its anchors, which was best wherever it was
measured; one between text spaces is an affine map. Where a classifier and the encoder of a shared space have
seen the same inputs, the better of both is taken. `--method` names another for all.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback.artifacts.packed_arrays import rounded
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.joint.projecting import project
from tieback.joint.retrieval import places, reciprocal
from tieback.methods.projection import fit, projections
from tieback.models.joint.artifact import BoundProjection
from tieback.training.splits import folds
from tieback.training.step_cache import StepCache

ATTENTION, AFFINE = "anchor_attention", "affine"

INTO_TEXT, INTO_BLOCK = 15.0, 10.0
"""Sharpness of attention from features to what classes are called, and from texts to classes.

Photos with captions were found alike for 12 to 20 and for 8 to 12 (docs/binding.md)."""
SHARPNESSES = (5.0, 8.0, 12.0, 15.0, 20.0)
FOLDS = 5

Say = Callable[[str], None]
Method = tuple[str, dict[str, Any]]
"""A method of the family projection with its parameters."""
LOSS = re.compile(r"loss (\d+\.\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """Anchors of the `projection` of that name: rows that go together, and what is chosen by.

    `names` are the rows that class names gave, one a class; `captions` the same with every template.
    `made_up` means that the sources are what a class would give, not what anything gave. `choices` are the
    methods that are chosen from. Anchors that pairs gave have `groups`, the thing of each name.
    """

    projection: str
    source: EncoderCard
    block: str
    names: tuple[Array, Array]
    captions: tuple[Array, Array]
    further: tuple[Array, Array]
    validation: tuple[Array, Array]
    made_up: bool
    choices: tuple[str, ...] = (ATTENTION,)
    groups: Array | None = None


class ProjectionFitter:
    """Fits projections, each a step that is kept. `method` is for all of them, where one is named."""

    def __init__(self, steps: StepCache, seed: int, method: str | None, say: Say) -> None:
        if method is not None:
            projections.get(method)  # NotFound, with the choices, before anything is computed
        self._steps, self._seed, self._method, self._say = steps, seed, method, say

    @property
    def is_forced(self) -> bool:
        """Whether one method is for all projections."""
        return self._method is not None

    def choose(self, anchors: Anchors) -> Method:
        """The choice that is best on what no fit has seen; the first where there is nothing to tell by."""
        if self._method is not None:
            known = self._method == ATTENTION and anchors.groups is None
            return self._method, self._parameters(ATTENTION, anchors) if known else {}
        choices: list[Method] = [(name, self._parameters(name, anchors)) for name in anchors.choices]
        if len(choices) == 1 or len(anchors.validation[0]) < 2:
            return choices[0]
        source, target = anchors.validation
        return max(choices, key=lambda one: _rank(project(self.fit(anchors, *one)[0], source), target))

    def fit(
        self, anchors: Anchors, name: str, parameters: Mapping[str, Any]
    ) -> tuple[BoundProjection, dict[str, Any]]:
        """One projection, and a report of its training. InvalidInput names how many anchors are too few."""
        source, target = _rows(anchors, name)
        losses: list[float] = []

        def record(_share: float, doing: str) -> None:
            if found := LOSS.search(doing):
                losses.append(float(found[1]))

        def make() -> dict[str, Array]:
            self._say(f"fitting {anchors.projection} by {name} on {len(source)} anchors")
            try:
                state = fit(name, source, target, seed=self._seed, progress=record)
            except InvalidInput as error:
                raise InvalidInput(f"{anchors.projection}: {error.message}", field=error.field) from None
            return {f"state.{key}": array for key, array in state.items()} | {
                "loss": np.array(losses, np.float64)
            }

        made_by = importlib.import_module(projections.get(name).__module__).fit
        inputs = {"seed": self._seed, "source": source, "target": target}
        arrays = self._steps.arrays(f"{anchors.projection} by {name}", made_by, inputs, make)
        state = rounded({key.removeprefix("state."): array for key, array in arrays.items() if key != "loss"})
        card = anchors.source
        report = {
            "projection": anchors.projection,
            "method": name,
            "parameters": dict(parameters),
            "anchors": len(source),
            "loss": [round(float(loss), 4) for loss in arrays["loss"]],
        }
        return BoundProjection(called(card), card.width, anchors.block, name, dict(parameters), state), report

    def _parameters(self, name: str, anchors: Anchors) -> dict[str, Any]:
        if name != ATTENTION:
            return {}
        if anchors.groups is not None:
            return _sharpness(*anchors.names, anchors.groups, self._seed)
        return {"sharpness": INTO_TEXT if anchors.made_up else INTO_BLOCK}


def called(card: EncoderCard) -> SpaceRef:
    """The space by the card's own name, which separates encoders of one space while they are bound."""
    return SpaceRef(card.name, card.space.revision, card.space.fingerprint)


def first_of_each(source: Array, target: Array) -> Array:
    """Places of the pairs, each pair once."""
    both = np.concatenate([source, target], axis=1)
    return np.sort(np.unique(both, axis=0, return_index=True)[1])


def _rows(anchors: Anchors, name: str) -> tuple[Array, Array]:
    """What a method is fitted on: one that keeps all anchors has one a class, others every caption."""
    first = anchors.names if name == ATTENTION else anchors.captions
    source, target = (np.concatenate(sides) for sides in zip(first, anchors.further, strict=True))
    once = first_of_each(source, target)
    return source[once], target[once]


def _sharpness(source: Array, target: Array, groups: Array, seed: int) -> dict[str, Any]:
    """The sharpness of attention that finds the right targets of things left out best, by folds."""
    if len(np.unique(groups)) < 2 * FOLDS:
        return {}
    fold = folds(groups, seed, count=FOLDS)
    values = np.zeros(len(SHARPNESSES))
    for left_out in range(FOLDS):
        inside, outside = fold != left_out, fold == left_out
        state = fit(ATTENTION, source[inside], target[inside])
        for place, sharpness in enumerate(SHARPNESSES):
            rows = projections.configure(ATTENTION, {"sharpness": sharpness})(source[outside], state)
            values[place] += _rank(rows, target[outside])
    return {"sharpness": SHARPNESSES[int(values.argmax())]}


def _rank(rows: Array, target: Array) -> float:
    """The mean reciprocal rank of each row's target among the targets that differ."""
    targets, right = np.unique(target, axis=0, return_inverse=True)
    return float(reciprocal(places(rows @ targets.T, right.ravel())).mean())
