"""Fusion: the parts of one thing, some of which may be missing, become one vector that was learned for it.

A part is rows of a frozen encoder: one, or several such as the tokens of a text or the rounds of a dialogue.
A method's file holds the method itself (NumPy alone serves it); `graph`, the same in torch, which is exported
to ONNX; `fit`, which learns its state; and perhaps `step`, by which a thing is fused part after part.
`fit` and the method are made of two functions by `methods/fusion/_learning.py`: `start`, the arrays that
training begins with, and `states`, the computation for NumPy and torch.

A missing part is never zeros in silence. By the `missing` of `fit` it is skipped, replaced by rows that are
chosen of a learned pool, or substituted by a learned map from the parts that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form
from tieback.core.state import State
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath, at

Rows = Sequence[Array]
"""Of each part `[things, rows, width of the part]`; parts have widths of their own."""
There = Sequence[Array]
"""Of each part `[things, rows]`, False at padding. A part without a row is missing."""
Missing = Literal["skip", "pool", "substitute"]

MOST_ROWS = 1024
"""Of one part of one thing."""
ROUNDS = "recurrent_gates"
"""An array of the methods that take rows one after another, in their order."""
TURNS = "turns"
"""An array of the methods that have layers of a language model: angles by which a position turns a head."""


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Names that the encoders of the parts have, for methods that are not trained.

    Of each part, `anchors` `[names, width of the part]` are the unit rows that its encoder holds the names to
    be like, `called` `[names, width]` the names in a text space, and `entity` `[names]` the number of the
    entity that each is, -1 for an attribute. `entities` `[entities, width]` are these in the text space,
    `near` `[entities, entities]` how much of their meaning they share, 0 to 1, and `told` `[entities]` how
    special each is. `labels` `[classes, width]` are the classes of the goal, by their names.
    """

    anchors: Sequence[Array]
    called: Sequence[Array]
    entity: Sequence[Array]
    entities: Array
    near: Array
    told: Array
    labels: Array


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Two layers of a language model, which go on from rows of `part`, the states before them.

    `arrays` are those of a state that has such layers, by name. `into` `[width of the part, width]` makes the
    states of the part's rows.
    """

    part: int
    into: Array
    arrays: State


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """The goal that things are learned for: `groups` `[things]`, int64.

    With `classes` they are numbers of classes, below that, which are predicted. Without, things of one group
    belong together: partners, or each thing alone, whose parts are then what occurs together.
    `names` are for methods that are not trained, `layers` for those that begin with a language model's.
    """

    groups: Array
    classes: int = 0
    names: Names | None = None
    layers: Layers | None = None


class Fusion(Protocol):
    """A learned fusion. The `condition` `[things, width]` is None for methods that take none."""

    def __call__(self, rows: Rows, there: There, condition: Array | None, state: State) -> Array:
        """Unit vectors `[things, width]`."""
        ...


class Graph(Protocol):
    """The same in torch."""

    def __call__(self, rows: Any, there: Any, condition: Any, state: Any) -> Any:
        """Unit vectors `[things, width]`, of tensors."""
        ...


class Fit(Protocol):
    """Makes a state. A method that is trained learns it; one that is not makes it of the goal's `names`.

    `attempt` is that of a training (`tieback.training.loop`), None for one of its own.
    """

    def __call__(
        self,
        rows: Rows,
        there: There,
        condition: Array | None,
        goal: Goal,
        *,
        seed: int = 0,
        attempt: Any = None,
    ) -> State:
        """The state of things that have the parts that they have."""
        ...


class Step(Protocol):
    """Takes one more part into what is known of things; the cost does not depend on the parts before."""

    def __call__(self, rows: Array, there: Array, part: int, before: Array | None, state: State) -> Array:
        """The state after it `[things, width or more]`; `before` is None at the beginning.

        Its first `width` numbers are the vector, not of length 1.
        """
        ...


class Tags(Protocol):
    """Names what the parts show."""

    def __call__(self, rows: Rows, there: There, state: State) -> Array:
        """Scores `[things, parts, tags]` of what each part adds to each tag: entities, then names."""
        ...


class Trusts(Protocol):
    """The learned trusts in parts, for methods that have such."""

    def __call__(self, present: Array, state: State) -> Array:
        """Of each part `[things, parts]`, where it is `present` or replaced; they sum to 1."""
        ...


FIT: Form[Fit] = Form("fit", Fit, own_parameters=True)
GRAPH: Form[Graph] = Form("graph", Graph)
STEP: Form[Step] = Form("step", Step, required=False)
TAGS: Form[Tags] = Form("tags", Tags, required=False)
TRUSTS: Form[Trusts] = Form("trusts", Trusts, required=False)

fusions: Family[Fusion] = Family(__name__, Fusion, FIT, GRAPH, STEP, TAGS, TRUSTS, called="fusion")


def takes_condition(name: str) -> bool:
    """Tell whether a method reads a condition. NotFound for an unknown method."""
    return "ask" in fusions.state(name)


def takes_names(name: str) -> bool:
    """Tell whether a method is made of names, and not trained. NotFound for an unknown method."""
    return "called" in fusions.state(name)


def takes_layers(name: str) -> bool:
    """Tell whether a method may begin with layers of a language model. NotFound for an unknown method."""
    return TURNS in fusions.state(name)


def takes_bundles(name: str) -> bool:
    """Tell whether rows are the items of a bundle, in all parts alike. NotFound for an unknown method."""
    return "bundle_q" in fusions.state(name)


def takes_rounds(name: str) -> bool:
    """Tell whether a part may come again, as the next round. NotFound for an unknown method."""
    return ROUNDS in fusions.state(name)


def predicted(vectors: Array, state: State) -> Array:
    """Probabilities of the classes `[things, classes]` of unit vectors; without classes, of width 0."""
    logits = np.asarray(vectors @ state["decode"] * np.exp(state["sharpness"]), np.float64)
    if not logits.shape[1]:
        return logits
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def checked(rows: Rows, there: There, widths: Sequence[int]) -> None:
    """InvalidInput, with the part's place in `parts`, for what no fusion reads.

    That is another number of parts, a part of another width or with too many rows, NaN and infinity, and a
    thing of which every part is missing.
    """
    if len(rows) != len(widths) or len(there) != len(widths):
        raise InvalidInput(f"there are {len(widths)} parts, and {len(rows)} are given", field="parts")
    for place, (one, mask, width) in enumerate(zip(rows, there, widths, strict=True)):
        if one.ndim != 3 or mask.shape != one.shape[:2]:
            raise InvalidInput(
                f"rows are [things, rows, {width}] with a mask of their rows, not {list(one.shape)} with "
                f"{list(mask.shape)}",
                field=at("parts", place),
            )
        check_part(one.reshape(-1, one.shape[2]), width, at("parts", place), rows=one.shape[1])
    absent = ~np.any([mask.any(axis=1) for mask in there], axis=0)
    if absent.any():
        raise InvalidInput(
            f"every part of thing {int(absent.argmax())} is missing; give one at least", field="parts"
        )


def check_part(values: Array, width: int, field: FieldPath, *, rows: int) -> None:
    """InvalidInput for `values` `[any, width]` of a part with so many `rows`, as `checked` says."""
    if values.shape[1] != width:
        raise InvalidInput(f"the part is {width} wide, and this has {values.shape[1]} numbers", field=field)
    if rows > MOST_ROWS:
        raise InvalidInput(
            f"the part has {rows} rows, and {MOST_ROWS} are read at most; give the last ones", field=field
        )
    if not np.isfinite(values).all():
        raise InvalidInput("the part holds NaN or infinity", field=field)


def check_condition(condition: Array | None, things: int, width: int) -> None:
    """InvalidInput, with the field `condition`, where it is not `[things, width]` of finite numbers."""
    if condition is None:
        raise InvalidInput(f"give a condition, {width} wide, for each thing", field="condition")
    if condition.shape != (things, width):
        raise InvalidInput(
            f"the condition is [{things}, {width}], and this is {list(condition.shape)}", field="condition"
        )
    if not np.isfinite(condition).all():
        raise InvalidInput("the condition holds NaN or infinity", field="condition")
