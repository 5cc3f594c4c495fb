"""A folder of a text encoder, of transformers or of sentence-transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.catalog.source import FilePath
from tieback.core.errors import StartupError
from tieback.methods.pooling import poolings
from tieback.recipes.graphs.backbone import read_text_config
from tieback.recipes.own.folder import (
    CONFIG,
    TOKENIZER,
    TYPICAL_TOKENS,
    WEIGHTS,
    OwnFolder,
    places,
    sizes,
)

MATRYOSHKA = re.compile(r"matryoshka_dims\W{1,4}\[([\d,\s]{1,2000})\]")
"""In the README that sentence-transformers writes of its training."""
SIDES = {"query": ("query",), "document": ("document", "passage", "corpus")}
"""Names of the prompts of both sides, the first that there is, as sentence-transformers looks for them."""


def is_text(folder: OwnFolder) -> bool:
    """Tell whether the folder has weights at all: those of no other kind are a text encoder's."""
    return folder.find_weights(within(folder, WEIGHTS)) is not None


def text_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card."""
    modules, tokenizer = folder.modules, tokenizer_of(folder)
    weights, config_name = folder.weights(within(folder, WEIGHTS)), within(folder, CONFIG)
    config = read_text_config(folder.directory, config_name)
    own_width = int(config.hidden_size)
    width = (modules.width if modules else None) or own_width
    limits = [limit for limit in (places(config), modules.max_tokens if modules else None) if limit]
    tokens = min(limits, default=TYPICAL_TOKENS)
    folder.found.facts |= {
        "kind": "sentence-transformers folder" if modules else "transformers folder",
        "architecture": sizes(config),
        "width": str(width),
        "weights": folder.sized(weights),
    }
    pooling = pooling_of(folder)
    folder.report_tokenizer(tokenizer, tokens)
    options = changed(weights=weights, config=config_name, tokenizer=tokenizer)
    card = {
        "runtime": "transformer_text",
        "modality": "text",
        "width": width,
        "kinds": ["dense", "multi_vector"] if width == own_width else ["dense"],
        "max_tokens": tokens,
        **pooling,
        **widths_of(folder, width),
        "options": options,
    }
    return by_side(folder, card)


def within(folder: OwnFolder, name: str) -> str:
    """A file's name in the part of the folder that holds the backbone."""
    return folder.modules.within(name) if folder.modules else name


def tokenizer_of(folder: OwnFolder) -> str:
    """The file of the tokenizer, beside the backbone or at the top."""
    beside = within(folder, TOKENIZER)
    return beside if beside in folder.files else TOKENIZER


def pooling_of(folder: OwnFolder) -> dict[str, Any]:
    """The card's entry for pooling; none if the folder's files define it."""
    modules, found, asked = folder.modules, folder.found, folder.given.pooling
    if asked:
        poolings.get(asked)  # NotFound names the choices
        found.facts["pooling"] = f"{asked}, as you say"
        return {"pooling": {"name": asked}}
    if modules is None:
        found.missing.append(
            "pooling: the folder does not say how tokens become one vector; see the model's own description, "
            f"and say --pooling NAME, which is one of: {', '.join(poolings.names())}"
        )
        return {}
    steps = [type(step).__name__.lower() for step in modules.steps]
    found.facts["pooling"] = ", then ".join([modules.pooling, *steps]) + " (modules.json)"
    if "normalize" not in steps:
        compared = modules.similarity not in ("", "cosine")
        found.notes.append(
            "The folder does not normalise; vectors are served at length 1 all the same."
            + (f" It compares by {modules.similarity}, which may rank otherwise." if compared else "")
        )
    return {}


def by_side(folder: OwnFolder, card: dict[str, Any]) -> list[dict[str, Any]]:
    """The card with the folder's prompts; one for queries and one for documents where their prompts differ.

    StartupError for a prompt that the folder does not have.
    """
    modules, found, asked = folder.modules, folder.found, folder.given.prompt
    every = dict(modules.prompts) if modules else {}
    prompts = {name: text for name, text in every.items() if text}
    if asked and asked not in prompts:
        known = ", ".join(prompts) or "none"
        raise StartupError(f"the folder has no prompt {asked!r}; it has: {known}")
    if modules is None or not prompts:
        return [card]
    found.facts["prompts"] = ", ".join(f"{name} {text!r}" for name, text in prompts.items())
    options = card["options"] | {"prompts": prompts}

    def behind(prompt: str) -> dict[str, Any]:
        return card | {"options": options | ({"prompt": prompt} if prompts.get(prompt) else {})}

    sides = {side: _prompt_for(names, every, modules.default_prompt) for side, names in SIDES.items()}
    query, document = (prompts.get(prompt, "") for prompt in sides.values())
    if asked or query == document or not modules.pools_prompt:
        chosen = asked or modules.default_prompt
        if not prompts.get(chosen):
            found.notes.append(f"Texts get no prompt; for one of {', '.join(prompts)} say --prompt NAME.")
        return [behind(chosen)]
    found.facts["sides"] = ", ".join(
        f"{side} {f'behind {text!r}' if text else 'as they are'}"
        for side, text in (("queries", query), ("documents", document))
    )
    found.notes.append(
        "There is a card for queries and one for documents, which share a space. Each has the weights in "
        "memory; for one card with one prompt say --prompt NAME."
    )
    return [
        {"name": f"{folder.name}-{side}"} | behind(prompt) | {"shares": folder.name}
        for side, prompt in sides.items()
    ]


def _prompt_for(names: Sequence[str], prompts: Mapping[str, str], default: str) -> str:
    """The prompt of a side, of the first of these names that there is, else the first that ends in one."""
    for begin in ("", r".+[._-]"):
        for name in names:
            found = next((one for one in prompts if re.fullmatch(begin + name, one)), None)
            if found is not None:
                return found
    return default


def changed(**files: FilePath) -> dict[str, Any]:
    """Options that differ from their defaults."""
    defaults = TransformerText()
    return {key: value for key, value in files.items() if value != getattr(defaults, key)}


def widths_of(folder: OwnFolder, width: int) -> dict[str, Any]:
    """The card's entry for the prefixes that a vector may be cut to, as the user or the README says them."""
    said = MATRYOSHKA.search(folder.readme)
    named = set(folder.given.widths) or {int(one) for one in re.findall(r"\d+", said[1] if said else "")}
    widths = sorted(one for one in named if 0 < one < width)
    if over := sorted(one for one in folder.given.widths if not 0 < one <= width):
        raise StartupError(f"--widths: a vector has {width} dimensions, and cannot be cut to {over[-1]}")
    if not widths:
        return {}
    folder.found.facts["widths"] = ", ".join(map(str, (*widths, width)))
    return {"widths": [*widths, width]}
