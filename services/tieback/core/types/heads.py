"""Classifiers: heads over the vectors of a space, and models of the user's own that read texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieback_contract.heads import Classification, Prediction
from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Timing
from tieback_contract.shapes import alone, beside

from tieback.core.errors import InvalidInput, TiebackError
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
class PredictRequest:
    """Contents to classify: the `top` likeliest classes of each, 0 for `TOP`; version 0 is the last one."""

    head: str
    contents: Sequence[Content] = field(metadata=alone())
    version: int = 0
    top: int = 0


@dataclass(frozen=True, slots=True)
class PredictReply:
    """One result per content, in order, by that version of the head."""

    version: int
    results: Sequence[Prediction | TiebackError]
    timing: Timing = field(default_factory=Timing)


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """Texts to label by a model, "" for the only one: the `top` best labels of each, 0 for all.

    A text that is longer than the model reads fails, unless `truncate` has its end cut off. `second_texts`
    are the second texts of pairs, one for each content, "" where it stands alone; or there are none.
    `raw_scores` asks for logits in place of probabilities.
    """

    model: str
    contents: Sequence[Content] = field(metadata=alone())
    truncate: bool = False
    top: int = 0
    second_texts: Sequence[str] = field(default=(), metadata=beside("contents"))
    raw_scores: bool = False


def check_second_texts(request: ClassifyRequest) -> None:
    """InvalidInput where there is no second text for each content, but for some."""
    if request.second_texts and len(request.second_texts) != len(request.contents):
        raise InvalidInput(
            f"there are {len(request.second_texts)} second texts and {len(request.contents)} contents: give "
            "as many, empty where a content stands alone, or none",
            field="second_texts",
        )


@dataclass(frozen=True, slots=True)
class ClassifyReply:
    """One result per content, in order. `problem` says what the scores are."""

    results: Sequence[Classification | TiebackError]
    problem: str
    timing: Timing = field(default_factory=Timing)
