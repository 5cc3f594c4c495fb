"""The paths of a binding: fitted on anchors, chosen on classes that no fit has seen.

Text spaces have blocks of their own, as they are. A classifier's block is its space along the directions in
which its prototypes reach farthest. Paths lead every text space into every classifier's block, and every
classifier into every text space's.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tieback.artifacts.packed_arrays import rounded
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.projection import LEAST_ANCHORS, fit, projections, unit_rows
from tieback.methods.projection.subspace import principal
from tieback.models.bound_space import NATIVE, Block, BoundPath
from tieback.recipes.binding.entering import enter, project
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.members import Classifier, called
from tieback.recipes.binding.ranking import places, reciprocal
from tieback.training.step_cache import StepCache

ATTENTION, ENSEMBLE, SUBSPACE = "anchor_attention", "projector_ensemble", "subspace"
AFFINE, JOINTLY = "affine", "joint_views"
TRAINING: dict[str, dict[str, Any]] = {ENSEMBLE: {"hidden": 64}}
"""What `fit` is told of a method: a quarter of the width takes a quarter of the time, trained and served."""

INTO_TEXT, INTO_BLOCK = 15.0, 10.0
"""Sharpness of attention from features to what classes are called, and from texts to classes.

Photos with captions were found alike for 12 to 20 and for 8 to 12 (docs/binding.md)."""
WORTH = 0.02
"""By so much reciprocal rank two methods must be better together than either, for what they cost at work."""

FEWEST_INPUTS = 8
"""So many photos or sounds say where an encoder's vectors lie that is compared with another of its space."""

TYPICAL_INPUTS = 32
"""So many say where the features of a classifier lie. Twenty photos of a demo do so worse than nothing."""

Say = Callable[[str], None]
LOSS = re.compile(r"loss (\d+\.\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A classifier's block: its state, the classes' vectors there, and the features that a class would give.

    `targets` `[classes, block width]` and `features` `[classes, width]` are unit rows.
    """

    classifier: Classifier
    block: Block
    native: BoundPath
    targets: Array
    features: Array


@dataclass(frozen=True, slots=True, eq=False)
class Anchored:
    """Anchors of one path: rows that go together, and what is chosen by.

    `names` are the rows that class names gave, one a class; `captions` the same with every template.
    `made_up` says that the sources are what a class would give, not what anything gave. `choices` are the
    methods that the path is chosen from, where it is not from the usual ones. Anchors that pairs gave have
    `groups`, the thing of each name, and may have `views` `[captions, views, target width]` of it.
    """

    path: str
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


@dataclass(slots=True)
class Fitted:
    """Paths by (source, block), and what is told of their training."""

    ways: dict[tuple[str, str], list[BoundPath]] = field(default_factory=dict)
    training: list[dict[str, Any]] = field(default_factory=list)

    @property
    def paths(self) -> list[BoundPath]:
        """All of them, in the order of their making."""
        return [path for paths in self.ways.values() for path in paths]


def text_block(card: EncoderCard) -> tuple[Block, BoundPath]:
    """A text space's own block, and the path into it."""
    return Block(card.space, Modality.TEXT, card.width), BoundPath(card.space, card.width, card.name, NATIVE)


def reduced(classifier: Classifier, inputs: Array, width: int) -> Reduced:
    """The classifier's block of at most `width` dimensions.

    `inputs` `[n, card width]` are features of real photos or sounds. They say where features lie: prototypes
    are directions alone. A class's features are their mean, moved along the class's prototype as far as
    inputs are from the mean.
    """
    card, directions = classifier.card, classifier.directions
    known = len(inputs) >= TYPICAL_INPUTS
    centre = inputs.mean(axis=0) if known else np.zeros(card.width, np.float32)
    spread = float(np.linalg.norm(inputs - centre, axis=1).mean()) if known else 1.0
    state = rounded(principal(directions, min(width, card.width, max(1, len(directions) - 1)), centre))
    block = Block(card.space, card.modality, state["basis"].shape[1])
    return Reduced(
        classifier,
        block,
        BoundPath(card.space, card.width, card.name, SUBSPACE, {}, state),
        unit_rows(directions @ state["basis"]),
        unit_rows(centre + spread * directions),
    )


def anchored(
    material: Material, block: Reduced, text: EncoderCard, into_text: bool, classes: Array, chosen_by: Array,
    pseudo: tuple[Array, Array], user_rows: Array,
) -> Anchored:  # fmt: skip
    """The anchors between a text space and a classifier, either way.

    `classes` are to fit with, `chosen_by` to choose by; `pseudo` are rows of texts (in this text space) and
    of features that go together; `user_rows` are places among the user's pairs of the classifier's modality.
    """
    name = block.classifier.card.name
    spoken = material.names[name][text.name]
    mean = material.class_texts(name, text.name)
    seen = block.features if into_text else block.targets
    user = material.user.rows(block.classifier.card.modality)[user_rows]
    own = (
        (material.user.texts[text.name][user], material.user.others[name][user_rows])
        if len(user_rows)
        else (mean[:0], block.features[:0])
    )
    texts = np.concatenate([pseudo[0], own[0]])
    features = np.concatenate([pseudo[1], own[1]])
    if len(features) and not block.native.state["centre"].any():
        # Beside directions, what all features share would draw every input to the few that are real.
        features = features - features.mean(axis=0)
    inputs = features if into_text else project(block.native, features)

    def facing(one: Array, other: Array) -> tuple[Array, Array]:
        return (other, one) if into_text else (one, other)

    return Anchored(
        f"{name} -> {text.name}" if into_text else f"{text.name} -> {name}",
        block.classifier.card if into_text else text,
        text.space.name if into_text else name,
        _kept(*facing(mean[classes], seen[classes])),
        _kept(*facing(spoken[:, classes].reshape(-1, text.width), np.tile(seen[classes], (len(spoken), 1)))),
        _kept(*facing(texts, inputs)),
        _kept(*facing(mean[chosen_by], seen[chosen_by])),
        made_up=into_text,
    )


class PathFitter:
    """Fits paths, each a step that is kept. `method` forces one; else each has what serves it best."""

    def __init__(self, steps: StepCache, seed: int, method: str | None, say: Say) -> None:
        if method is not None:
            projections.get(method)  # NotFound, with the choices, before anything is computed
        self._steps, self._seed, self._method, self._say = steps, seed, method, say

    def choose(self, anchors: Anchored) -> tuple[tuple[str, dict[str, Any]], ...]:
        """The methods with their parameters that a path is served with, and together averaged."""
        if self._method is not None:
            return ((self._method, self._parameters(self._method, anchors)),)
        single = [(name, self._parameters(name, anchors)) for name in self._able(anchors)]
        sets = [(one,) for one in single] + ([tuple(single)] if len(single) > 1 else [])
        if len(sets) == 1 or len(anchors.validation[0]) < 2:
            return sets[0]
        values = []
        for methods in sets:
            paths = [self.fit(anchors, name, parameters)[0] for name, parameters in methods]
            price = WORTH * (len(paths) - 1)
            values.append(_value(paths, *anchors.validation) - price)
        return sets[int(np.argmax(values))]

    def fit(
        self, anchors: Anchored, name: str, parameters: Mapping[str, Any]
    ) -> tuple[BoundPath, dict[str, Any]]:
        """One path, and what is told of its training. InvalidInput says how many anchors are too few."""
        source, target = _rows(anchors, name)
        training = TRAINING.get(name, {})
        views = anchors.views if name == JOINTLY else None
        losses: list[float] = []

        def heard(_share: float, doing: str) -> None:
            if found := LOSS.search(doing):
                losses.append(float(found[1]))

        def make() -> dict[str, Array]:
            self._say(f"fitting {anchors.path} by {name} on {len(source)} anchors")
            try:
                state = fit(name, source, target, training, seed=self._seed, progress=heard, views=views)
            except InvalidInput as error:
                raise InvalidInput(f"{anchors.path}: {error.message}", field=error.field) from None
            return {f"state.{key}": array for key, array in state.items()} | {
                "loss": np.array(losses, np.float64)
            }

        inputs = {**training, "seed": self._seed, "source": source, "target": target}
        if views is not None:
            inputs["views"] = views
        arrays = self._steps.arrays(f"{anchors.path} by {name}", _module(name).fit, inputs, make)
        state = rounded({key.removeprefix("state."): array for key, array in arrays.items() if key != "loss"})
        card = anchors.source
        told = {
            "path": anchors.path,
            "method": name,
            "parameters": dict(parameters),
            "anchors": len(source),
            **({} if views is None else {"views": views.shape[1]}),
            "loss": [round(float(loss), 4) for loss in arrays["loss"]],
        }
        return BoundPath(called(card), card.width, anchors.block, name, dict(parameters), state), told

    @property
    def method(self) -> str | None:
        """The one that is forced."""
        return self._method

    @property
    def seed(self) -> int:
        """What is drawn is drawn by it."""
        return self._seed

    def _able(self, anchors: Anchored) -> list[str]:
        """Of the methods that are chosen from, those that there are anchors enough for; one in any case."""
        if anchors.choices:
            count = len(_rows(anchors, ENSEMBLE)[0])
            return [name for name in anchors.choices if count >= least(name)] or [ATTENTION]
        return [ATTENTION]

    def _parameters(self, name: str, anchors: Anchored) -> dict[str, Any]:
        if name != ATTENTION:
            return {}
        return {"sharpness": INTO_TEXT if anchors.made_up else INTO_BLOCK}


def _rows(anchors: Anchored, name: str) -> tuple[Array, Array]:
    """What a method is fitted on: one that keeps all anchors has one a class, others every caption."""
    first = anchors.names if name == ATTENTION else anchors.captions
    return _unlike(*(np.concatenate(sides) for sides in zip(first, anchors.further, strict=True)))


def _value(paths: Sequence[BoundPath], source: Array, target: Array) -> float:
    """The mean reciprocal rank of partners that no fit has seen."""
    said = enter(paths, {paths[0].source.name: source})[paths[0].block]
    return float(reciprocal(places(said @ target.T)).mean())


def least(name: str) -> int:
    """How many anchors a method needs whatever the widths: those that are chosen from do not look at them."""
    return projections.form(LEAST_ANCHORS, name)(1, 1)


def _module(name: str) -> Any:
    """The method's own file."""
    return importlib.import_module(f"{projections.package}.{name}")


def _kept(source: Array, target: Array) -> tuple[Array, Array]:
    """Without the pairs of which one side is silent."""
    spoken = source.any(axis=1) & target.any(axis=1)
    return source[spoken], target[spoken]


def _unlike(source: Array, target: Array) -> tuple[Array, Array]:
    """Each pair once."""
    first = np.sort(np.unique(np.concatenate([source, target], axis=1), axis=0, return_index=True)[1])
    return source[first], target[first]
