"""Recognisers of labels: the graph of their classifier, as it is exported for an encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tieback.catalog.card import RecogniserCard
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.catalog.runtimes.label_recogniser import LabelRecogniser
from tieback.core.errors import StartupError
from tieback.models.encoder_model import read_class_names
from tieback.models.label_recogniser import label_table
from tieback.recipes.export import audio_classifier, image_classifier


def export(card: RecogniserCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the class names. StartupError where the table of labels is of other classes."""
    options = card.options_for(LabelRecogniser)
    classifier = options.classifier
    names = read_class_names(weights / classifier.class_names)
    if options.labels:
        last = max(number for numbers in label_table(options.labels).classes for number in numbers)
        if last + 1 != len(names):
            raise StartupError(
                f"labels: {options.labels} is of {last + 1} classes, and {classifier.class_names} has "
                f"{len(names)}"
            )
    if isinstance(classifier, ImageClassifier):
        return image_classifier.export_classifier(classifier, None, weights, out, report)
    return audio_classifier.export_classifier(classifier, None, weights, out, report)
