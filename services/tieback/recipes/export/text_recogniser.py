"""Recognisers of writing: both graphs as they are, and the reader's characters beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tieback.catalog.card import RecogniserCard
from tieback.catalog.runtimes.text_recogniser import TextRecogniser
from tieback.core.errors import StartupError
from tieback.models.pictures.text_recogniser import CHARACTERS, DETECTOR, LINE_HEIGHT, READER, STEP
from tieback.models.session import Session
from tieback.models.store.manifest import link_or_copy

LISTED = "character"
"""The key of the graph's metadata that has the characters, a line each."""


def export(card: RecogniserCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Links the graphs and writes the characters. StartupError where these are not as many as the scores."""
    options = card.options_for(TextRecogniser)
    link_or_copy(weights / options.detector, out / DETECTOR)
    link_or_copy(weights / options.recogniser, out / READER)
    report("reading the characters")
    metadata = {
        one.key: one.value for one in onnx.load(out / READER, load_external_data=False).metadata_props
    }
    if LISTED not in metadata:
        raise StartupError(f"{options.recogniser} lists no characters in its metadata ({LISTED})")
    characters = [*metadata[LISTED].split("\n"), " "]
    reader, detector = Session(out / READER), Session(out / DETECTOR)
    line = np.zeros((1, 3, LINE_HEIGHT, 320), np.float32)
    (scores,) = reader.run(reader.outputs[:1], {reader.inputs[0]: line})
    if scores.shape[-1] != len(characters) + 1:
        raise StartupError(
            f"{options.recogniser} scores {scores.shape[-1]} characters, and lists {len(characters)}"
        )
    page = np.zeros((1, 3, 2 * STEP, 3 * STEP), np.float32)
    (maps,) = detector.run(detector.outputs[:1], {detector.inputs[0]: page})
    if maps.shape != (1, 1, 2 * STEP, 3 * STEP):
        raise StartupError(f"{options.detector} gives {maps.shape} for a picture of {page.shape}")
    (out / CHARACTERS).write_text(json.dumps(characters, ensure_ascii=False), encoding="utf-8")
    return {"characters": len(characters)}
