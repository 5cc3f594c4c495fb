"""How a space projection is fitted on its anchors, and which method it is served with.

A projection has what finds partners best that no fit has seen. One from prototypes or class names has
attention to its anchors: it was best wherever it was measured, so it is not chosen anew. Where pairs are the
anchors, its sharpness is chosen too, and a method that views of the inputs take part in is tried (JM3D,
arXiv:2308.02982, `methods/projection/joint_views`).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback.artifacts.packed_arrays import rounded
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.joint.projecting import project_inputs
from tieback.joint.retrieval import places, reciprocal
from tieback.methods.projection import LEAST_ANCHORS, fit, projections
from tieback.models.joint.artifact import BoundProjection
from tieback.training.splits import folds
from tieback.training.step_cache import StepCache

ATTENTION, ENSEMBLE, AFFINE, JOINTLY = "anchor_attention", "projector_ensemble", "affine", "joint_views"
TRAINING: dict[str, dict[str, Any]] = {ENSEMBLE: {"hidden": 64}}
"""Parameters of `fit`, by method: a quarter of the width takes a quarter of the time, trained and served."""

INTO_TEXT, INTO_BLOCK = 15.0, 10.0
"""Sharpness of attention from features to what classes are called, and from texts to classes.

Photos with captions were found alike for 12 to 20 and for 8 to 12 (docs/binding.md)."""
SHARPNESSES = (5.0, 8.0, 12.0, 15.0, 20.0)
FOLDS = 5

WORTH = 0.02
"""By so much reciprocal rank two methods must be better together than either, for what they cost at work."""

TEXT_ALONE, WITH_VIEWS = "texts alone", "texts and views"

Say = Callable[[str], None]
Methods = tuple[tuple[str, dict[str, Any]], ...]
"""Methods with their parameters that a space is projected into a block by, averaged."""
LOSS = re.compile(r"loss (\d+\.\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """Anchors of the `projection` of that name: rows that go together, and what is chosen by.

    `names` are the rows that class names gave, one a class; `captions` the same with every template.
    `made_up` means that the sources are what a class would give, not what anything gave. `choices` are the
    methods that are chosen from, where these are not the default ones. Anchors that pairs gave have `groups`,
    the thing of each name, and may have `views` `[captions, views, target width]` of it.
    """

    projection: str
    source: EncoderCard
    block: str
    names: tuple[Array, Array]
    captions: tuple[Array, Array]
    further: tuple[Array, Array]
    validation: tuple[Array, Array]
    made_up: bool
    choices: tuple[str, ...] = ()
    groups: Array | None = None
    views: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What serves, whether views take part, and what each candidate that was tried was worth."""

    methods: Methods
    with_views: bool = False
    report: dict[str, Any] = field(default_factory=dict)


class ProjectionFitter:
    """Fits projections, each a step that is kept. `method` forces one; else each has what serves it best."""

    def __init__(self, steps: StepCache, seed: int, method: str | None, say: Say) -> None:
        if method is not None:
            projections.get(method)  # NotFound, with the choices, before anything is computed
        self._steps, self._seed, self._method, self._say = steps, seed, method, say

    @property
    def is_forced(self) -> bool:
        """Whether one method is for all projections."""
        return self._method is not None

    def choose(self, anchors: Anchors, held_out: tuple[Array, Array] | None = None) -> Chosen:
        """What serves best on what no fit has seen; a forced method is taken as it is.

        Where there is `held_out`, the report has how well each candidate does there, which chooses nothing.
        """
        if self._method is not None:
            views = self._method == JOINTLY and anchors.views is not None
            parameters = self._parameters(self._method, anchors) if anchors.groups is None else {}
            return Chosen(((self._method, parameters),), views)
        candidates = self._candidates(anchors)
        first = next(iter(candidates.values()))
        if len(anchors.validation[0]) < 2 or (len(candidates) == 1 and held_out is None):
            return Chosen(first)
        worth, apart = {}, {}
        for name, methods in candidates.items():
            given = anchors if name == WITH_VIEWS else replace(anchors, views=None)
            fitted = [self.fit(given, *one)[0] for one in methods]
            worth[name] = _worth(fitted, *anchors.validation) - WORTH * (len(fitted) - 1)
            if held_out is not None:
                apart[name] = round(_worth(fitted, *held_out), 4) if len(held_out[0]) > 1 else None
        best = max(worth, key=lambda name: worth[name])
        report = {
            "projection": anchors.projection,
            "chosen": best,
            "validation": {name: round(value, 4) for name, value in worth.items()},
            "held_out": apart,
        }
        return Chosen(candidates[best], best == WITH_VIEWS, report)

    def fit(
        self, anchors: Anchors, name: str, parameters: Mapping[str, Any]
    ) -> tuple[BoundProjection, dict[str, Any]]:
        """One projection, and a report of its training. InvalidInput names how many anchors are too few."""
        source, target = _rows(anchors, name)
        training = TRAINING.get(name, {})
        views = anchors.views if name == JOINTLY else None
        losses: list[float] = []

        def record(_share: float, doing: str) -> None:
            if found := LOSS.search(doing):
                losses.append(float(found[1]))

        def make() -> dict[str, Array]:
            self._say(f"fitting {anchors.projection} by {name} on {len(source)} anchors")
            try:
                state = fit(name, source, target, training, seed=self._seed, progress=record, views=views)
            except InvalidInput as error:
                raise InvalidInput(f"{anchors.projection}: {error.message}", field=error.field) from None
            return {f"state.{key}": array for key, array in state.items()} | {
                "loss": np.array(losses, np.float64)
            }

        inputs = {**training, "seed": self._seed, "source": source, "target": target}
        if views is not None:
            inputs["views"] = views
        made_by = importlib.import_module(f"{projections.package}.{name}").fit
        arrays = self._steps.arrays(f"{anchors.projection} by {name}", made_by, inputs, make)
        state = rounded({key.removeprefix("state."): array for key, array in arrays.items() if key != "loss"})
        card = anchors.source
        report = {
            "projection": anchors.projection,
            "method": name,
            "parameters": dict(parameters),
            "anchors": len(source),
            **({} if views is None else {"views": views.shape[1]}),
            "loss": [round(float(loss), 4) for loss in arrays["loss"]],
        }
        return BoundProjection(called(card), card.width, anchors.block, name, dict(parameters), state), report

    def _candidates(self, anchors: Anchors) -> dict[str, Methods]:
        """What is chosen from: methods that there are anchors enough for, alone and together."""
        count = len(_rows(anchors, ENSEMBLE)[0]) if anchors.choices else 0
        able = [name for name in anchors.choices if count >= least(name)] or [ATTENTION]
        single = [(name, self._parameters(name, anchors)) for name in able]
        candidates: dict[str, Methods] = {one[0]: (one,) for one in single}
        if len(single) > 1:
            candidates[" and ".join(able)] = tuple(single)
        if anchors.views is not None:
            candidates |= {TEXT_ALONE: ((JOINTLY, {}),), WITH_VIEWS: ((JOINTLY, {}),)}
        return candidates

    def _parameters(self, name: str, anchors: Anchors) -> dict[str, Any]:
        if name != ATTENTION:
            return {}
        if anchors.groups is not None:
            return _sharpness(*anchors.names, anchors.groups, self._seed)
        return {"sharpness": INTO_TEXT if anchors.made_up else INTO_BLOCK}


def called(card: EncoderCard) -> SpaceRef:
    """The space by the card's own name, which separates encoders of one space while they are bound."""
    return SpaceRef(card.name, card.space.revision, card.space.fingerprint)


def least(name: str) -> int:
    """How many anchors a method needs whatever the widths: those that are chosen from do not look at them."""
    return projections.form(LEAST_ANCHORS, name)(1, 1)


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


def _worth(fitted: Sequence[BoundProjection], source: Array, target: Array) -> float:
    first = fitted[0]
    return _rank(project_inputs(fitted, {first.source.name: source})[first.block], target)


def _rank(rows: Array, target: Array) -> float:
    """The mean reciprocal rank of each row's target among the targets that differ."""
    targets, right = np.unique(target, axis=0, return_inverse=True)
    return float(reciprocal(places(rows @ targets.T, right.ravel())).mean())
