"""A user's folder of a classifier of claims: what its labels mean, and the card that serves it."""

from __future__ import annotations

from typing import Any

from tieback.catalog.claim_labels import OUTCOMES
from tieback.core.errors import StartupError
from tieback.recipes.export.claim_classifier import HEADS as KIND
from tieback.recipes.export.claim_classifier import labels_of
from tieback.recipes.graphs.backbone import read_config
from tieback.recipes.own.classifier import CLASSIFIER
from tieback.recipes.own.folder import CONFIG, OwnFolder, sizes, tokens_read

HEADS = {CLASSIFIER: "sequence", "ForTokenClassification": "tokens", "ForConditionalGeneration": "next_token"}
"""Outputs, by how the name of a class ends."""
MEANS = {
    "supported": "entailment entails entailed supported supports support consistent factual true",
    "contradicted": "contradiction contradicts contradicted refutes refuted",
    "unsupported": "neutral not_entailment not_supported unsupported inconsistent hallucinated hallucination "
    "not_enough_info nei",
}
"""Names of labels, as published models have them, by what they mean."""


def is_checker(folder: OwnFolder) -> bool:
    """Tell whether a folder's model says of claims what its labels mean: by classes, or by tokens.

    They say so themselves where one of them means support, or all have a meaning.
    """
    given, config, head = folder.given, folder.config, _head(folder)
    if not head or given.classifier or not folder.keeps_head:
        return False
    if head == "next_token":
        return bool(given.labels) and config.get("model_type") == "t5"
    if given.labels:
        return True
    named = config.get("id2label")
    meant = [_meaning(str(name)) for name in named.values()] if isinstance(named, dict) else []
    return len(meant) > 1 and ("supported" in meant or all(meant))


def checker_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card."""
    found, labels, head = folder.found, folder.given.labels, _head(folder)
    config = read_config(folder.directory, CONFIG, head=KIND[head])
    names = list(labels) if head == "next_token" else labels_of(config)
    meant = {name: labels.get(name) or _meaning(name) for name in names}
    if unknown := [name for name in labels if name not in names]:
        raise StartupError(f"the folder has no label {unknown[0]!r}; it has: {', '.join(names)}")
    if wrong := [one for one in labels.values() if one not in OUTCOMES]:
        raise StartupError(f"a label means one of {', '.join(OUTCOMES)}, and not {wrong[0]!r}")
    found.facts |= {
        "kind": "folder of a classifier of claims",
        "architecture": sizes(config),
        "labels": ", ".join(f"{name} = {one or '?'}" for name, one in meant.items()),
        "weights": folder.sized(folder.weights()),
    }
    if unclear := [name for name, one in meant.items() if not one]:
        told = " ".join(f"--label {name}=OUTCOME" for name in unclear)
        found.missing.append(
            f"labels: the folder does not say what {', '.join(unclear)} mean; see the model's own "
            f"description, and say {told}, each of {', '.join(OUTCOMES)}; or --pooling NAME, to serve its "
            "backbone as an encoder"
        )
    found.notes.append(
        "Evidence and claim are read as a pair, evidence first; where the model was trained on other inputs, "
        "add inputs to the card (docs/own-models.md)."
    )
    options = {"labels": meant} | ({"head": head} if head != "sequence" else {})
    card = {
        "role": "checker",
        "runtime": "claim_classifier",
        "max_tokens": tokens_read(config),
        "options": options | folder.weights_option,
    }
    return [card]


def _head(folder: OwnFolder) -> str:
    """The kind of outputs by the name of its class; empty for another one."""
    return next((head for ending, head in HEADS.items() if folder.is_class(ending)), "")


def _meaning(name: str) -> str | None:
    plain = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    return next((outcome for outcome, names in MEANS.items() if plain in names.split()), None)
