"""Heads: classifiers over the vectors of a space, what they are fitted on, and what they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.method_choice import MethodChoice
from tieback_contract.predictions import Prediction
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef

from tieback.core.errors import TiebackError
from tieback.core.types.content import Content

FEWEST_CLASSES, MOST_CLASSES = 2, 1000
"""Classes of a head."""
FEWEST_EXAMPLES = 2
"""Examples of each class: one to learn from where another is predicted for the cross-validation."""
MOST_EXAMPLES = 5000
"""Examples of a head, those of its memory counted too."""
LABEL_BYTES = 256
"""Of a class's name, as UTF-8."""
NO_METHOD = MethodChoice("")


@dataclass(frozen=True, slots=True)
class Example:
    """A content, and the name of its class."""

    content: Content
    label: str


@dataclass(frozen=True, slots=True)
class HeadRequest:
    """What a head is to be fitted on, and how.

    Without a `space` it is the one of the examples' vectors, or else the default one. `memory` is for methods
    that keep labelled vectors: those that they look at instead of the examples.
    """

    name: str
    examples: Sequence[Example]
    space: str = ""
    method: MethodChoice = NO_METHOD
    memory: Sequence[Example] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """A version of a head.

    `classes` are the examples of each class, in the order of the method's output; `memory` is how many
    vectors it was given to keep. `accuracy` is that of the cross-validation, 0 to 1. `artifact` is the
    revision of what was learned. `created` is in seconds of the epoch. `versions` are those that are kept, in
    order. `stale` says why it does not predict any more, empty where it does.
    """

    name: str
    version: int
    created: float
    space: SpaceRef
    method: MethodChoice
    classes: Mapping[str, int]
    memory: int
    accuracy: float
    artifact: str
    versions: Sequence[int] = ()
    stale: str = ""


@dataclass(frozen=True, slots=True)
class PredictReply:
    """One result per content, in order, by that version of the head."""

    version: int
    results: Sequence[Prediction | TiebackError]
    timing: Timing = field(default_factory=Timing)
