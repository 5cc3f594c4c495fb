"""A folder of a model for late interaction, of PyLate or of ColBERT: the cards of its two sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieback.catalog.own_directory import read_json, read_object
from tieback.catalog.runtimes.late_interaction import DOCUMENT, QUERY
from tieback.core.errors import StartupError
from tieback.recipes.graphs.backbone import read_text_config
from tieback.recipes.graphs.sentence_modules import MODULES
from tieback.recipes.graphs.token_projections import projections_of, width_of
from tieback.recipes.own.folder import (
    CONFIG,
    SENTENCE_CONFIG,
    TOKENIZER,
    OwnFolder,
    places,
    sizes,
)

OWNER, COLBERT, METADATA = "pylate.", "HF_ColBERT", "artifact.metadata"
PUNCTUATION = tuple("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def is_late_interaction(folder: OwnFolder) -> bool:
    """Tell whether a folder is one of PyLate, or a checkpoint of ColBERT, by its modules or its class."""
    if folder.find_weights() is None:
        return False
    if MODULES in folder.files:
        entries = read_json(folder.directory, MODULES)
        return isinstance(entries, list) and any(
            isinstance(one, dict) and str(one.get("type", "")).startswith(OWNER) for one in entries
        )
    return folder.is_class(COLBERT)


def late_interaction_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card for queries and one for documents, which share a space."""
    directory, weights, told = folder.directory, folder.weights(), _told(folder)
    config = read_text_config(directory, CONFIG)
    longest = places(config)
    projections = projections_of(directory, weights)
    width = width_of(directory, weights, int(config.hidden_size))
    most = min(limit for limit in (int(told.get("document_length") or 180), longest) if limit)
    asked = min(limit for limit in (int(told.get("query_length") or 32), longest) if limit)
    expansion = "none"
    if told.get("do_query_expansion", True):
        expansion = "attended" if told.get("attend_to_expansion_tokens") else "apart"
    markers = {QUERY: told["query_prefix"], DOCUMENT: told["document_prefix"]}
    if not all(markers.values()):
        raise StartupError(
            f"{SENTENCE_CONFIG}: a side without a marker (query_prefix, document_prefix) is not served"
        )
    folder.found.facts |= {
        "kind": "folder of PyLate" if MODULES in folder.files else "checkpoint of ColBERT",
        "architecture": sizes(config),
        "weights": folder.sized(weights),
        "width": f"{width} of each token's vector",
        "queries": f"marker {markers[QUERY]!r}, at most {asked} tokens, expansion: {expansion}",
        "documents": f"marker {markers[DOCUMENT]!r}, at most {most} tokens, "
        f"{len(told['skiplist_words'])} tokens without a vector",
        "pooling": "none; the dense vector is the mean of the tokens' vectors",
    }
    folder.report_tokenizer(TOKENIZER, most)
    options: dict[str, Any] = folder.weights_option | {
        "prompts": markers,
        "projections": [one.folder for one in projections],
        "query_tokens": asked,
        "expansion": expansion,
        "skipped": list(told["skiplist_words"]),
    }
    shared = {
        "runtime": "late_interaction",
        "modality": "text",
        "width": width,
        "kinds": ["dense", "multi_vector"],
        "max_tokens": most,
        "shares": folder.name,
    }
    return [
        {"name": f"{folder.name}-{side}"} | shared | {"options": options | {"prompt": side}}
        for side in (QUERY, DOCUMENT)
    ]


def _told(folder: OwnFolder) -> Mapping[str, Any]:
    """The folder's own settings, by PyLate's names, with PyLate's defaults."""
    directory, files = folder.directory, folder.files
    found: dict[str, Any] = {"skiplist_words": PUNCTUATION}
    if SENTENCE_CONFIG in files:
        found |= {"query_prefix": "[Q] ", "document_prefix": "[D] "}
        settings = read_object(directory, SENTENCE_CONFIG)
        found |= {key: value for key, value in settings.items() if value is not None}
    else:
        found |= {"query_prefix": "[unused0]", "document_prefix": "[unused1]"}
        data = read_object(directory, METADATA) if METADATA in files else {}
        for theirs, ours in (
            ("query_token_id", "query_prefix"),
            ("doc_token_id", "document_prefix"),
            ("query_maxlen", "query_length"),
            ("doc_maxlen", "document_length"),
            ("attend_to_mask_tokens", "attend_to_expansion_tokens"),
        ):
            if data.get(theirs) is not None:
                found[ours] = data[theirs]
    words = found["skiplist_words"]
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise StartupError(f"{SENTENCE_CONFIG}: skiplist_words is a list of texts")
    return found
