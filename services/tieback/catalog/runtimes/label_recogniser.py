"""A classifier that names what is in regions of a picture, or in windows of a sound."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.runtimes import Runtime
from tieback.catalog.runtimes.audio_classifier import AudioClassifier
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.catalog.source import Strict


class LabelRecogniser(Strict):
    """A classifier that names what is in regions of a picture, or in windows of a sound.

    `labels` names a table of labels and of the classes that each is true of; empty: the classes' own names.
    Labels of a score below `least_score` are left out, and of the others those beyond the `most` likeliest.
    """

    runtime: Literal["label_recogniser"] = "label_recogniser"
    classifier: Annotated[ImageClassifier | AudioClassifier, Field(discriminator="runtime")]
    labels: Literal["", "imagenet-1k"] = ""
    least_score: Annotated[float, Field(ge=0, le=1)] = 0.3
    most: Annotated[int, Field(gt=0, le=1000)] = 24


RUNTIME = Runtime("recogniser", LabelRecogniser, "tieback.models.label_recogniser:load_labels")
