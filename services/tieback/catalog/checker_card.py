"""Cards of checkers: models that say whether evidence supports a claim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tieback.catalog.base_card import Card
from tieback.methods.grounding import checkers

EVIDENCE, CLAIM, QUESTION = "evidence", "claim", "question"
PLACE = re.compile(rf"\{{({EVIDENCE}|{CLAIM}|{QUESTION})\}}")
"""A place in a text of `inputs`; other braces are text."""

Inputs = tuple[Annotated[str, Field(max_length=4000)], ...]
Share = Annotated[float, Field(ge=0, le=1)]
Aggregation = Literal["max", "mean", "min"]
"""Ways in which the probabilities of several windows, or of several tokens, become one."""

FEWEST_TOKENS = 16


class CheckerCard(Card):
    """A model that says whether evidence supports a claim. Requests name it where they name a checker.

    `inputs` is what it reads, one text or a pair, with the places {evidence} and {claim}; names of its
    special tokens in them are those tokens. Where the text answers a question, it is `question_inputs`, with
    the place {question}, unless that is empty. Both texts together have at most `max_tokens`; evidence that
    is longer than `window_tokens`, or than there is room for, is read in windows of whole sentences, of each
    passage alone or, with `passages: together`, across them. `windows` and `contradicted_windows` say how
    their probabilities of support and of contradiction become one, and `tokens` how those of a claim's tokens
    do. A claim is supported from `threshold` on, else contradicted from `contradicted_from` on, else
    unsupported below `unsupported_below` (the threshold where it is unset); what is left has low confidence.
    """

    role: Literal["checker"]
    max_tokens: Annotated[int, Field(ge=FEWEST_TOKENS)]
    inputs: Inputs = (f"{{{EVIDENCE}}}", f"{{{CLAIM}}}")
    question_inputs: Inputs = ()
    window_tokens: Annotated[int, Field(gt=0)] | None = None
    passages: Literal["each", "together"] = "each"
    windows: Aggregation = "max"
    contradicted_windows: Aggregation = "max"
    tokens: Literal["min", "mean"] = "min"
    threshold: Share = 0.5
    contradicted_from: Share = 0.5
    unsupported_below: Share | None = None

    @field_validator("name")
    @classmethod
    def _is_no_method(cls, name: str) -> str:
        if name in checkers.names():
            raise ValueError(f"{name!r} is how requests name a method of grounding; give it another name")
        return name

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> CheckerCard:
        _check_inputs("inputs", self.inputs, asks=False)
        if self.question_inputs:
            _check_inputs("question_inputs", self.question_inputs, asks=True)
        if self.unsupported_below is not None and self.unsupported_below > self.threshold:
            raise ValueError("unsupported_below is at most the threshold")
        return self

    def inputs_for(self, question: str) -> Inputs:
        """Parts that the model reads of a claim that answers the question; empty where nothing was asked."""
        return self.question_inputs if question and self.question_inputs else self.inputs

    def _construction(self) -> dict[str, Any]:
        return super()._construction() | {"max_tokens": self.max_tokens}


def _check_inputs(key: str, inputs: Sequence[str], *, asks: bool) -> None:
    if len(inputs) not in (1, 2):
        raise ValueError(f"{key} is one text, or a pair of them")
    places = [place for text in inputs for place in PLACE.findall(text)]
    wanted = [CLAIM, EVIDENCE, *([QUESTION] if asks else [])]
    if sorted(places) != wanted:
        told = ", ".join(f"{{{place}}}" for place in wanted)
        raise ValueError(f"{key} has each of these places once, and no other: {told}")
