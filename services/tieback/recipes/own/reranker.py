"""A folder of a cross-encoder: a classifier whose logit scores a query and a passage."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file
from tieback.recipes.export.cross_encoder import check_pairs, signs_of
from tieback.recipes.graphs.backbone import read_config
from tieback.recipes.own.classifier import is_classifier
from tieback.recipes.own.folder import CONFIG, TOKENIZER, OwnFolder, sizes, tokens_read

RELEVANT = ("relevant", "is_relevant", "yes")
"""Names of a label that says that a passage answers, in lower case."""


def is_reranker(folder: OwnFolder) -> bool:
    """Tell whether a sequence classification scores: by one logit, or by that of two labels for relevance."""
    given, labels = folder.given, folder.config.get("id2label")
    names = labels.values() if isinstance(labels, dict) else ()
    scores = len(names) == 1 or bool(given.reranker) or bool(_relevance(names))
    return scores and not given.labels and not given.classifier and is_classifier(folder)


def reranker_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card."""
    config = read_config(folder.directory, CONFIG, head="sequence")
    positive = folder.given.reranker or _relevance(list(config.id2label.values()))
    signs_of(config, CONFIG, positive)
    tokens = tokens_read(config)
    folder.found.facts |= {
        "kind": "cross-encoder's folder",
        "architecture": sizes(config),
        "gives": "one score for a query and a passage"
        + (f": the logit of {positive!r}, less that of the other label" if positive else ""),
        "weights": folder.sized(folder.weights()),
    }
    if TOKENIZER in folder.files:
        check_pairs(own_file(folder.directory, TOKENIZER, largest=LARGEST_TOKENIZER))
    folder.report_tokenizer(TOKENIZER, tokens)
    options = folder.weights_option | ({"positive": positive} if positive else {})
    card = {"role": "reranker", "runtime": "cross_encoder", "max_tokens": tokens}
    return [card | ({"options": options} if options else {})]


def _relevance(labels: Collection[str]) -> str:
    """The label of two that says that a passage answers, by its name; empty where none does."""
    return next((one for one in labels if len(labels) == 2 and one.lower() in RELEVANT), "")
