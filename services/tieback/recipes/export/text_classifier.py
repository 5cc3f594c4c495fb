"""Classifiers: the sequence classification of a transformers folder as a graph of scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tieback.catalog.classifier_card import ClassifierCard, Problem
from tieback.catalog.runtimes.text_classifier import TextClassifier
from tieback.core.errors import StartupError
from tieback.models.text.text_classifier import SCORES
from tieback.recipes.export.claim_classifier import SHOWN, labels_of
from tieback.recipes.export.cross_encoder import Logits, open_folder, write_scores
from tieback.recipes.graphs.backbone import load_model


def export(card: ClassifierCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to the model."""
    options = card.options_for(TextClassifier)
    config = open_folder(card, options, weights, out, "sequence")
    if (labels := labels_of(config)) != list(card.labels):
        raise StartupError(
            f"{options.config} has the labels {', '.join(labels[:SHOWN])} (id2label), in this order, and the "
            f"card has {', '.join(card.labels[:SHOWN])}"
        )
    loaded = load_model(weights, options.weights, config, options.config, head="sequence")
    model = Labelled(loaded, card.problem)
    return write_scores(card, model, out, report, SCORES, precision=options.precision)


class Labelled(Logits):
    """Logits as the scores `[batch, labels]` of a problem."""

    def __init__(self, model: Any, problem: Problem) -> None:
        super().__init__(model)
        self._problem = problem

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        """See `Logits`."""
        logits = self.logits(*inputs)
        if self._problem == "single_label":
            return (torch.softmax(logits, dim=-1),)
        return (torch.sigmoid(logits) if self._problem == "multi_label" else logits,)


def problem_of(config: Any) -> Problem:
    """The problem that a configuration names; else one logit is a share, and of several labels one holds."""
    named = str(config.problem_type or "").removesuffix("_classification")
    if named in ("regression", "multi_label"):
        return "regression" if named == "regression" else "multi_label"
    return "multi_label" if config.num_labels == 1 else "single_label"
