"""Decoding strategies: they combine the logits of several streams into one score per token.

A strategy declares the streams that it reads. A stream is a model role, a prompt form and a layer: for
instance the main model with the plain prompt, with a prompt for a false answer, or after 25 of its 30 layers.
Streams of one prompt form share a cache, and all layers are read in one run. At each step the strategy gets
the logits by stream, its position in the answer and a state of its own, and returns scores. It does not
sample: sampling is the same for all strategies and belongs to the generator. If a strategy reads `PLAIN`,
its choices are compared with those of plain decoding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form
from tieback.methods.decoding._prompt_forms import (
    EvidenceTransform,
    Example,
    PromptForm,
    PromptRequest,
    amateur,
    truthful,
    with_evidence,
    without_evidence,
)

EXCLUDED = -np.inf
"""The score of a token that must not be chosen."""


def log_probabilities(logits: Array) -> Array:
    """The log-softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def contrast(expert: Array, amateur: Array) -> Array:
    """The difference log p(expert) − log p(amateur) of each token `[vocabulary]`, from logits.

    Contrastive decoding (Li et al., 2023, arXiv:2210.15097).
    """
    return np.asarray(log_probabilities(expert) - log_probabilities(amateur))


def plausible(logits: Array, share: float) -> Array:
    """Which tokens `[vocabulary]` are at least so many times as probable as the likeliest one.

    The adaptive plausibility constraint of contrastive decoding (Li et al., 2023, arXiv:2210.15097): without
    it, a difference of logits prefers tokens that both streams hold for impossible. A share of 0 keeps all.
    """
    if share <= 0.0:
        return np.ones(logits.shape, bool)
    return np.asarray(logits >= logits.max() + np.log(share))


def among_plausible(scores: Array, expert: Array, share: float) -> Array:
    """The scores, with those excluded that the expert's logits alone make implausible."""
    return np.where(plausible(expert, share), scores, EXCLUDED)


__all__ = [
    "EXCLUDED",
    "MAIN_MODEL",
    "PLAIN",
    "DecodingStrategy",
    "EvidenceTransform",
    "Example",
    "PromptForm",
    "PromptRequest",
    "Step",
    "Stream",
    "amateur",
    "among_plausible",
    "contrast",
    "decodings",
    "log_probabilities",
    "plausible",
    "streams_of",
    "truthful",
    "with_evidence",
    "without_evidence",
]

MAIN_MODEL = "main"
"""The role of the model whose tokens are written."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What is read of a model at each step.

    `layer` is the number of a layer, 0 for the embedding, whose state goes through the last norm and the
    head (an early exit); below 1 it is a fraction of the model's layers, rounded down; None is the last.
    `model` is the role of the model that is read; each role has logits over its own vocabulary.
    """

    prompt: PromptForm = with_evidence
    layer: float | None = None
    model: str = MAIN_MODEL

    def exit_of(self, layers: int) -> int:
        """The number of its layer in a model of so many. InvalidInput where there is none of that number."""
        if self.layer is None:
            return layers
        if 0 <= self.layer < 1:
            return int(self.layer * layers)
        if not 0 <= self.layer <= layers or self.layer != int(self.layer):
            raise InvalidInput(
                f"there is no layer {self.layer:g}: the model has {layers}; a layer is a whole number up to "
                f"{layers}, or a fraction below 1"
            )
        return int(self.layer)


PLAIN = Stream()
"""The main model with the plain prompt: what plain decoding reads."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an answer.

    `logits` are by stream, float32 `[vocabulary]` of the stream's model. `position` counts the tokens that
    were written before. `state` is the strategy's own: empty at first, and the same object at every step of
    an answer.
    """

    logits: Mapping[Stream, Array]
    position: int = 0
    state: dict[str, Any] = field(default_factory=dict)


class DecodingStrategy(Protocol):
    """Scores the next token."""

    def __call__(self, step: Step) -> Array:
        """Combines the step's logits into scores `[vocabulary]` of the main model, for sampling.

        Scores are float32; an excluded token scores -inf, and at least one token does not.
        """
        ...


class Streams(Protocol):
    """What a strategy reads, by those of its parameters that it depends on."""

    def __call__(self) -> Sequence[Stream]:
        """The streams, each once."""
        ...


STREAMS: Form[Streams] = Form("streams", Streams)

decodings: Family[DecodingStrategy] = Family(__name__, DecodingStrategy, STREAMS)


def streams_of(name: str, parameters: Mapping[str, Any]) -> Sequence[Stream]:
    """What the strategy reads with these parameters. Errors are those of `Family.configure`."""
    return decodings.form(STREAMS, name, parameters)()
