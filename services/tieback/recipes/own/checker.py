"""A user's folder of a classifier of claims: what its labels mean, and the card that serves it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieback.catalog.claim_labels import OUTCOMES
from tieback.core.errors import StartupError
from tieback.recipes.export.claim_classifier import labels_of
from tieback.recipes.graphs.architectures import CLASSIFIERS, positions
from tieback.recipes.graphs.backbone import read_config

CONFIG, WEIGHTS = "config.json", "model.safetensors"
OF_TEXTS, OF_TOKENS, WRITES = (
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForConditionalGeneration",
)
HEADS = {OF_TEXTS: "sequence", OF_TOKENS: "tokens", WRITES: "next_token"}
TYPICAL_TOKENS = 512
MEANS = {
    "supported": "entailment entails entailed supported supports support consistent factual true",
    "contradicted": "contradiction contradicts contradicted refutes refuted",
    "unsupported": "neutral not_entailment not_supported unsupported inconsistent hallucinated hallucination "
    "not_enough_info nei",
}
"""Names of labels, as published models have them, by what they mean."""


def is_checker(config: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a folder's model says of claims what its `labels` mean: by classes, or by tokens.

    Those of classes say so themselves where one of them means support, or all have a meaning.
    """
    kind = _kind(config)
    if kind == WRITES:
        return bool(labels) and config.get("model_type") == "t5"
    if kind == OF_TOKENS or (kind == OF_TEXTS and labels):
        return True
    named = config.get("id2label")
    meant = [_meaning(str(name)) for name in named.values()] if isinstance(named, dict) else []
    return kind == OF_TEXTS and len(meant) > 1 and ("supported" in meant or all(meant))


def checker_card(
    directory: Path,
    fields: Mapping[str, Any],
    weights: str,
    labels: Mapping[str, str],
    found: tuple[dict[str, str], list[str], list[str]],
) -> dict[str, Any]:
    """The fields of the card. `found` takes facts, what is missing, and notes."""
    facts, missing, notes = found
    config = read_config(directory, CONFIG, CLASSIFIERS)
    head = HEADS[_kind(fields)]
    names = list(labels) if head == "next_token" else labels_of(config)
    meant = {name: labels.get(name) or _meaning(name) for name in names}
    if unknown := [name for name in labels if name not in names]:
        raise StartupError(f"the folder has no label {unknown[0]!r}; it has: {', '.join(names)}")
    if wrong := [one for one in labels.values() if one not in OUTCOMES]:
        raise StartupError(f"a label means one of {', '.join(OUTCOMES)}, and not {wrong[0]!r}")
    facts |= {
        "kind": "folder of a classifier of claims",
        "architecture": f"{config.model_type}, {config.num_hidden_layers} layers of width "
        f"{config.hidden_size}",
        "labels": ", ".join(f"{name} = {one or '?'}" for name, one in meant.items()),
        "weights": weights,
    }
    if unclear := [name for name, one in meant.items() if not one]:
        told = " ".join(f"--label {name}=OUTCOME" for name in unclear)
        missing.append(
            f"labels: the folder does not say what {', '.join(unclear)} mean; see the model's own "
            f"description, and say {told}, each of {', '.join(OUTCOMES)}; or --pooling NAME, to serve its "
            "backbone as an encoder"
        )
    notes.append(
        "Evidence and claim are read as a pair, evidence first; where the model was trained on other inputs, "
        "add inputs to the card (docs/own-models.md)."
    )
    most = positions(config.model_type, getattr(config, "max_position_embeddings", None), config.pad_token_id)
    options = {"labels": meant} | ({"head": head} if head != "sequence" else {})
    return {
        "role": "checker",
        "runtime": "claim_classifier",
        "max_tokens": min(most or TYPICAL_TOKENS, TYPICAL_TOKENS),
        "options": options | ({"weights": weights} if weights != WEIGHTS else {}),
    }


def _kind(config: Mapping[str, Any]) -> str:
    named = config.get("architectures")
    classes = named if isinstance(named, list) else []
    return next((kind for kind in HEADS for one in classes if str(one).endswith(kind)), "")


def _meaning(name: str) -> str | None:
    plain = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    return next((outcome for outcome, names in MEANS.items() if plain in names.split()), None)
