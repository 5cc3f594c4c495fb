"""A transformer that reads evidence and a claim as one input and gives probabilities of labels."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from tieback.catalog.claim_labels import Labels, check_labels
from tieback.catalog.precision import ScoringPrecision
from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FilePath, Strict


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
    precision: ScoringPrecision = "float32"

    _means_support = field_validator("labels")(check_labels)


RUNTIME = Runtime("checker", ClaimClassifier)
