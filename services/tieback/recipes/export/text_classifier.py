"""Classifiers: the classification of sequences or of tokens of a transformers folder as a graph of logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tieback.catalog.classifier_card import ClassifierCard, Problem
from tieback.catalog.runtimes.text_classifier import TextClassifier
from tieback.core.errors import StartupError
from tieback.models.text.text_classifier import LOGITS
from tieback.recipes.export.claim_classifier import SHOWN, labels_of
from tieback.recipes.export.cross_encoder import Logits, open_folder, write_scores
from tieback.recipes.graphs.backbone import Head, load_model


def export(card: ClassifierCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to the model."""
    options = card.options_for(TextClassifier)
    head: Head = "tokens" if card.problem == "tokens" else "sequence"
    config = open_folder(card, options, weights, out, head)
    if (labels := labels_of(config)) != list(card.labels):
        raise StartupError(
            f"{options.config} has the labels {', '.join(labels[:SHOWN])} (id2label), in this order, and the "
            f"card has {', '.join(card.labels[:SHOWN])}"
        )
    model = Logits(load_model(weights, options.weights, config, options.config, head=head))
    return write_scores(card, model, out, report, LOGITS, precision=options.precision)


def problem_of(config: Any) -> Problem:
    """The problem that a configuration names; else one logit is a share, and of several labels one holds."""
    named = str(config.problem_type or "").removesuffix("_classification")
    if named in ("regression", "multi_label"):
        return "regression" if named == "regression" else "multi_label"
    return "multi_label" if config.num_labels == 1 else "single_label"
