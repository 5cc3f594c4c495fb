"""A user's folder of a classifier of texts: its labels, and the card that serves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tieback.recipes.export.claim_classifier import SHOWN, labels_of
from tieback.recipes.export.text_classifier import problem_of
from tieback.recipes.graphs.architectures import LABELLERS, positions
from tieback.recipes.graphs.backbone import read_config

CONFIG, WEIGHTS = "config.json", "model.safetensors"
TYPICAL_TOKENS = 512
SCORES = {
    "single_label": "probabilities of labels, of which one holds",
    "multi_label": "a probability of each label by itself",
    "regression": "numbers",
}


def classifier_card(directory: Path, weights: str, found: tuple[dict[str, str], list[str]]) -> dict[str, Any]:
    """The fields of the card. `found` takes facts and notes."""
    facts, notes = found
    config = read_config(directory, CONFIG, LABELLERS)
    labels, problem = labels_of(config), problem_of(config)
    most = positions(config.model_type, getattr(config, "max_position_embeddings", None), config.pad_token_id)
    tokens = min(limit for limit in (most, TYPICAL_TOKENS) if limit)
    facts |= {
        "kind": "folder of a classifier of texts",
        "architecture": f"{config.model_type}, {config.num_hidden_layers} layers of width "
        f"{config.hidden_size}",
        "labels": ", ".join(labels[:SHOWN])
        + (f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""),
        "gives": SCORES[problem],
        "reads": f"{tokens} tokens",
        "weights": weights,
    }
    notes.append(
        "If its labels are verdicts about claims, say --label NAME=OUTCOME; if it says how well a passage "
        "answers, --reranker LABEL; to serve its backbone as an encoder, --pooling NAME."
    )
    options = {"options": {"weights": weights}} if weights != WEIGHTS else {}
    card = {"role": "classifier", "runtime": "text_classifier", "max_tokens": tokens, "labels": labels}
    return card | ({"problem": problem} if problem != "single_label" else {}) | options
