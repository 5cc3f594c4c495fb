"""A folder of a classifier of texts: its labels, and the card that serves it."""

from __future__ import annotations

from typing import Any

from tieback.recipes.export.claim_classifier import SHOWN, labels_of
from tieback.recipes.export.text_classifier import problem_of
from tieback.recipes.graphs.backbone import read_config
from tieback.recipes.own.folder import CONFIG, OwnFolder, sizes, tokens_read

CLASSIFIER, OF_TOKENS = "ForSequenceClassification", "ForTokenClassification"
SCORES = {
    "single_label": "probabilities of labels, of which one holds",
    "multi_label": "a probability of each label by itself",
    "regression": "numbers",
    "tokens": "probabilities of labels of parts of the text",
}


def is_classifier(folder: OwnFolder) -> bool:
    """Tell whether it classifies sequences or tokens, and the user does not ask for its backbone."""
    return folder.is_class(CLASSIFIER, OF_TOKENS) and folder.keeps_head


def classifier_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card."""
    of_tokens = folder.is_class(OF_TOKENS)
    config = read_config(folder.directory, CONFIG, head="tokens" if of_tokens else "sequence")
    labels, problem, tokens = labels_of(config), problem_of(config), tokens_read(config)
    problem = "tokens" if of_tokens else problem
    folder.found.facts |= {
        "kind": f"folder of a classifier of {'parts of texts' if of_tokens else 'texts'}",
        "architecture": sizes(config),
        "labels": ", ".join(labels[:SHOWN])
        + (f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""),
        "gives": SCORES[problem],
        "reads": f"{tokens} tokens",
        "weights": folder.sized(folder.weights()),
    }
    folder.found.notes.append(
        "If its labels are verdicts about claims, say --label NAME=OUTCOME; "
        + ("" if of_tokens else "if it says how well a passage answers, --reranker LABEL; ")
        + "to serve its backbone as an encoder, --pooling NAME."
    )
    options = folder.weights_option
    card = {"role": "classifier", "runtime": "text_classifier", "max_tokens": tokens, "labels": labels}
    if problem != "single_label":
        card["problem"] = problem
    return [card | ({"options": options} if options else {})]
