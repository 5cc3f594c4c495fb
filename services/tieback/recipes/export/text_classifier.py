"""Classifiers: the sequence classification of a transformers folder as a graph of scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tieback.catalog.classifier_card import ClassifierCard, Problem
from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file
from tieback.catalog.runtimes.text_classifier import TextClassifier
from tieback.core.errors import StartupError
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.text_classifier import SCORES
from tieback.models.text.transformer_text import TOKENIZER
from tieback.recipes.export.claim_classifier import SHOWN, labels_of
from tieback.recipes.export.cross_encoder import Logits, write_scores
from tieback.recipes.export.transformer_text import check_fit, vocabulary_of
from tieback.recipes.graphs.architectures import LABELLERS
from tieback.recipes.graphs.backbone import load_model, read_config


def export(card: ClassifierCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to the model."""
    torch.set_num_threads(1)
    options = card.options_for(TextClassifier)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    config = read_config(weights, options.config, LABELLERS)
    if (labels := labels_of(config)) != list(card.labels):
        raise StartupError(
            f"{options.config} has the labels {', '.join(labels[:SHOWN])} (id2label), in this order, and the "
            f"card has {', '.join(card.labels[:SHOWN])}"
        )
    check_fit(card, config, vocabulary_of(out / TOKENIZER))
    loaded = load_model(weights, options.weights, config, options.config, head="sequence")
    return write_scores(card, Labelled(loaded, card.problem), out, report, SCORES)


class Labelled(Logits):
    """Logits as the scores `[batch, labels]` of a problem."""

    def __init__(self, model: Any, problem: Problem) -> None:
        super().__init__(model)
        self._problem = problem

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        """See `Logits`."""
        (logits,) = super().forward(*inputs)
        if self._problem == "single_label":
            return (torch.softmax(logits, dim=-1),)
        return (torch.sigmoid(logits) if self._problem == "multi_label" else logits,)


def problem_of(config: Any) -> Problem:
    """The problem that a configuration names; else one logit is a share, and of several labels one holds."""
    named = str(config.problem_type or "").removesuffix("_classification")
    if named in ("regression", "multi_label"):
        return "regression" if named == "regression" else "multi_label"
    return "multi_label" if config.num_labels == 1 else "single_label"
