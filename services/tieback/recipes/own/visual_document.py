"""A folder of a language model that reads pages as pictures (ColPali): a card for pages, one for queries."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer

from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file, own_files, read_object
from tieback.catalog.runtimes.visual_document import QUERY
from tieback.core.errors import StartupError
from tieback.recipes.export.visual_document import ARCHITECTURE, patches_of, read_pages
from tieback.recipes.own.folder import CONFIG, TOKENIZER, OwnFolder, sizes, tokens_read
from tieback.recipes.own.image_encoder import report_fitting

PROCESSOR, TOKENIZER_CONFIG = "processor_config.json", "tokenizer_config.json"
PAGE, ASKED = "Describe the image.", "Question: "
"""Words behind a picture and before a query, where the processor says no others."""
AUGMENTED = 10
"""Tokens of padding that follow a query, for the model to think on."""


def is_visual_document(folder: OwnFolder) -> bool:
    """Tell whether the model reads pages as pictures."""
    return folder.config.get("model_type") == ARCHITECTURE and folder.find_weights() is not None


def visual_document_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card for pages and one for queries, which share a space."""
    weights, config = folder.weights(), read_pages(folder.directory, CONFIG)
    text, vision = config.vlm_config.text_config, config.vlm_config.vision_config
    tokens = tokens_read(text)
    folder.found.facts |= {
        "kind": "folder of a model that reads pages as pictures",
        "architecture": f"{config.model_type}: pictures, {vision.num_hidden_layers} layers of width "
        f"{vision.hidden_size}; {sizes(text)}",
        "weights": folder.sized(weights),
        "width": f"{config.embedding_dim} of each vector",
        "rows of a page": f"{patches_of(config)}, and those of the words behind them",
        "pooling": "none; the dense vector is the mean of the rows",
    }
    _, names = report_fitting(folder)
    folder.report_tokenizer(TOKENIZER, tokens)
    shared = {
        "runtime": "visual_document",
        "width": int(config.embedding_dim),
        "kinds": ["dense", "multi_vector"],
        "shares": folder.name,
        "options": folder.weights_option | names | _templates(folder),
    }
    return [
        {"name": f"{folder.name}-query", "modality": "text", "max_tokens": tokens} | shared,
        {"name": f"{folder.name}-page", "modality": "image"} | shared,
    ]


def _templates(folder: OwnFolder) -> dict[str, str]:
    """The texts behind a page and around a query, as the model's processor writes them."""
    files = own_files(folder.directory)
    told = read_object(folder.directory, PROCESSOR) if PROCESSOR in files else {}
    names = read_object(folder.directory, TOKENIZER_CONFIG) if TOKENIZER_CONFIG in files else {}
    begin = _special(folder, names, "bos_token", "<bos>")
    filling = _special(folder, names, "pad_token", "<pad>")
    asked = told.get("query_prefix", ASKED)
    return {
        "page": f"{begin}{told.get('visual_prompt_prefix', PAGE)}\n",
        "query": f"{begin}{asked}{QUERY}{filling * AUGMENTED}\n",
    }


def _special(folder: OwnFolder, names: Any, key: str, usual: str) -> str:
    """The name of a special token. StartupError where the tokenizer has none of that name."""
    named = names.get(key) or usual
    name = str(named.get("content") if isinstance(named, dict) else named)
    if TOKENIZER in folder.files:
        file = own_file(folder.directory, TOKENIZER, largest=LARGEST_TOKENIZER)
        if Tokenizer.from_file(str(file)).token_to_id(name) is None:
            raise StartupError(f"{TOKENIZER} has no token {name!r}, its {key}")
    return name
