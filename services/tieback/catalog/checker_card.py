"""Cards of checkers: models that say whether evidence supports a claim.

CheckerCard ─┬─ ClaimClassifier   a transformer of the user's own, exported and served here
             └─ ClaimEndpoint     one that another server runs
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tieback.catalog.base_card import Card, HttpEndpoint
from tieback.catalog.source import FilePath, Strict
from tieback.methods.grounding import checkers

EVIDENCE, CLAIM, QUESTION = "evidence", "claim", "question"
PLACE = re.compile(rf"\{{({EVIDENCE}|{CLAIM}|{QUESTION})\}}")
"""A place in a text of `inputs`; other braces are text."""

Outcome = Literal["supported", "contradicted", "unsupported"]
OUTCOMES: tuple[Outcome, ...] = ("supported", "contradicted", "unsupported")
"""Meanings of labels, in the order in which their probabilities stand everywhere."""

Labels = Annotated[dict[Annotated[str, Field(min_length=1, max_length=200)], Outcome], Field(min_length=1)]
Inputs = tuple[Annotated[str, Field(max_length=4000)], ...]
Share = Annotated[float, Field(ge=0, le=1)]
Aggregation = Literal["max", "mean", "min"]
"""Ways in which the probabilities of several windows, or of several tokens, become one."""

FEWEST_TOKENS = 16


def _check_labels(labels: dict[str, Outcome]) -> dict[str, Outcome]:
    if "supported" not in labels.values():
        raise ValueError("one of the labels means supported: write {NAME: supported}")
    return labels


class ClaimClassifier(Strict):
    """A transformer that reads evidence and a claim as one input and gives probabilities of labels.

    `weights` is a safetensors file, or the index of several, of a model of transformers, with its `config`.
    `head` says which, and what is read of it: the label of the whole input (`sequence`); the labels of
    tokens, of which those of the claim count (`tokens`), or that of the first token alone (`first_token`); or
    the first word that a T5 writes (`next_token`). `labels` says what each label of `config` means; for
    `next_token` they are words of the vocabulary. A model with one logit has one label, whose probability is
    its sigmoid.
    """

    runtime: Literal["claim_classifier"] = "claim_classifier"
    weights: FilePath = "model.safetensors"
    tokenizer: FilePath = "tokenizer.json"
    config: FilePath = "config.json"
    head: Literal["sequence", "tokens", "first_token", "next_token"] = "sequence"
    labels: Labels
    precision: Literal["float32", "int8"] = "float32"

    _means_support = field_validator("labels")(_check_labels)


class ClaimEndpoint(HttpEndpoint):
    """A classifier that another server runs, asked as Text Embeddings Inference is: `POST /predict`.

    `base_url` ends before `/predict`. `labels` says what each label that it answers with means. At most
    `batch` inputs are sent in one request.
    """

    computation = "predict 1"

    runtime: Literal["claim_endpoint"] = "claim_endpoint"
    labels: Labels
    batch: Annotated[int, Field(ge=1, le=1024)] = 32

    _means_support = field_validator("labels")(_check_labels)


CheckerOptions = Annotated[ClaimClassifier | ClaimEndpoint, Field(discriminator="runtime")]


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
    options: CheckerOptions
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
