"""A folder of a model for late interaction, of PyLate or of ColBERT: the cards of its two sides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieback.catalog.own_directory import own_files, read_json, read_object
from tieback.catalog.runtimes.late_interaction import DOCUMENT, QUERY
from tieback.core.errors import StartupError
from tieback.recipes.graphs.sentence_modules import CONFIG, MODULES
from tieback.recipes.graphs.token_projections import projections_of, width_of

OWNER, COLBERT, METADATA = "pylate.", "HF_ColBERT", "artifact.metadata"
PUNCTUATION = tuple("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def is_late_interaction(directory: Path, config: Mapping[str, Any]) -> bool:
    """Tell whether a folder is one of PyLate, or a checkpoint of ColBERT, by its modules or its `config`."""
    files = own_files(directory)
    if MODULES in files:
        entries = read_json(directory, MODULES)
        return isinstance(entries, list) and any(
            isinstance(one, dict) and str(one.get("type", "")).startswith(OWNER) for one in entries
        )
    named = config.get("architectures")
    return isinstance(named, list) and COLBERT in named


def late_interaction_cards(
    directory: Path, name: str, config: Any, weights: str, places: int | None, facts: dict[str, str]
) -> list[dict[str, Any]]:
    """One card for queries and one for documents, which share a space.

    `places` is the longest text that the backbone reads; None for no known limit.
    """
    told = _told(directory)
    projections = projections_of(directory, weights)
    width = width_of(directory, weights, int(config.hidden_size))
    most = min(limit for limit in (int(told.get("document_length") or 180), places) if limit)
    asked = min(limit for limit in (int(told.get("query_length") or 32), places) if limit)
    expansion = "none"
    if told.get("do_query_expansion", True):
        expansion = "attended" if told.get("attend_to_expansion_tokens") else "apart"
    markers = {QUERY: told["query_prefix"], DOCUMENT: told["document_prefix"]}
    if not all(markers.values()):
        raise StartupError(f"{CONFIG}: a side without a marker (query_prefix, document_prefix) is not served")
    facts |= {
        "kind": "folder of PyLate" if MODULES in own_files(directory) else "checkpoint of ColBERT",
        "width": f"{width} of each token's vector",
        "queries": f"marker {markers[QUERY]!r}, at most {asked} tokens, expansion: {expansion}",
        "documents": f"marker {markers[DOCUMENT]!r}, at most {most} tokens, "
        f"{len(told['skiplist_words'])} tokens without a vector",
        "pooling": "none; the dense vector is the mean of the tokens' vectors",
    }
    options: dict[str, Any] = {
        "prompts": markers,
        "projections": [one.folder for one in projections],
        "query_tokens": asked,
        "expansion": expansion,
        "skipped": list(told["skiplist_words"]),
    }
    if weights != "model.safetensors":
        options["weights"] = weights
    shared = {
        "runtime": "late_interaction",
        "modality": "text",
        "width": width,
        "kinds": ["dense", "multi_vector"],
        "max_tokens": most,
        "shares": name,
    }
    return [
        {"name": f"{name}-{side}"} | shared | {"options": options | {"prompt": side}}
        for side in (QUERY, DOCUMENT)
    ]


def _told(directory: Path) -> Mapping[str, Any]:
    """The folder's own settings, by PyLate's names, with PyLate's defaults."""
    files = own_files(directory)
    found: dict[str, Any] = {"skiplist_words": PUNCTUATION}
    if CONFIG in files:
        found |= {"query_prefix": "[Q] ", "document_prefix": "[D] "}
        found |= {key: value for key, value in read_object(directory, CONFIG).items() if value is not None}
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
        raise StartupError(f"{CONFIG}: skiplist_words is a list of texts")
    return found
