"""The card of a language model that is a folder of the user's, or a GGUF file in one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file, own_files, read_object
from tieback.core.errors import StartupError
from tieback.models.language.model import CHAT_TEMPLATE, TOKENIZER
from tieback.recipes.networks.gguf_tokenizer import CONTROL, tokenizer_of
from tieback.recipes.networks.llama_files import Metadata, read_gguf_shape, read_shape
from tieback.recipes.networks.llama_weights import LlamaShape
from tieback.recipes.own.folder import DEFAULT_BITS, GGUF, SHOWN, OwnFolder
from tieback.recipes.own.graph import is_graph

WRITES = "ForCausalLM"
GENERATION, SETTINGS = "generation_config.json", "tokenizer_config.json"
LONGEST_CONTEXT = 4096
"""Tokens that a card names where the model has places for more: keys and values of each take memory."""

TURN_ENDS = ("<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|end|>", "</s>", "<|endoftext|>")
"""Control tokens that end a message in the templates of chat models."""


def is_generator(folder: OwnFolder) -> bool:
    """Tell whether it is a language model, and neither its files nor the user make an encoder of it."""
    return folder.is_class(WRITES) and folder.keeps_head


def generator_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card."""
    shape, files, directory = read_shape(folder.config), folder.files, folder.directory
    settings = read_object(directory, SETTINGS) if SETTINGS in files else {}
    if CHAT_TEMPLATE not in files and not isinstance(settings.get("chat_template"), str):
        folder.found.missing.append(
            f"{CHAT_TEMPLATE}: a model that was not trained for conversations has none; write one"
        )
    ends = list(_ends(directory, settings)) if TOKENIZER in files else []
    folder.found.facts["kind"] = "language model's folder"
    return [_card(shape, folder.weights(), ends, folder)]


def is_gguf(folder: OwnFolder) -> bool:
    """Tell whether there is a GGUF file, and no graph. StartupError where there are several."""
    found = [name for name in folder.files if name.endswith(GGUF)]
    if len(found) > 1:
        raise StartupError(f"the folder has several GGUF files; leave one in it: {', '.join(found[:SHOWN])}")
    return bool(found) and not is_graph(folder)


def gguf_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card for the GGUF file, which has its tokenizer and its chat template."""
    name = next(name for name in folder.files if name.endswith(GGUF))
    shape, metadata = read_gguf_shape(own_file(folder.directory, name))
    tokenizer_of(metadata)  # refuses a kind that cannot be converted
    if not metadata.get("tokenizer.chat_template"):
        folder.found.missing.append(
            f"a chat template: {name} has none, and only models for conversations are served"
        )
    folder.found.facts["kind"] = "language model's GGUF file"
    return [_card(shape, name, list(_gguf_ends(metadata)), folder)]


def _card(shape: LlamaShape, weights: str, ends: list[str], folder: OwnFolder) -> dict[str, Any]:
    bits = folder.given.bits
    context, ends = min(shape.context, LONGEST_CONTEXT), list(dict.fromkeys(ends))
    folder.found.facts |= {
        "architecture": f"{shape.architecture}, {shape.layers} layers of width {shape.width}",
        "context": f"{context} tokens" + (f" of {shape.context}" if shape.context > context else ""),
        "keys and values": f"{8 * shape.layers * shape.key_value_heads * shape.head_width:,} bytes a token",
    }
    if ends:
        folder.found.facts["answers end at"] = ", ".join(ends)
    else:
        folder.found.missing.append(
            "end_tokens: no control token that ends an answer was found; name them in the card"
        )
    return {
        "role": "generator",
        "runtime": "causal_language_model",
        "context_tokens": context,
        "options": {"weights": weights, "end_tokens": ends}
        | ({"bits": bits} if bits != DEFAULT_BITS else {}),
    }


def _gguf_ends(metadata: Metadata) -> Iterator[str]:
    """By the file's tokens that end a text or a turn, and by the names that templates give the end."""
    tokens, types = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    control = {token for token, type_ in zip(tokens, types, strict=True) if type_ == CONTROL}
    numbers = (metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot"))
    named = [tokens[number] for number in numbers if number is not None]
    yield from (one for one in (*named, *TURN_ENDS) if one in control)


def _ends(directory: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """By the generation's settings, by the tokenizer's, and by the names that templates give the end."""
    file = own_file(directory, TOKENIZER, largest=LARGEST_TOKENIZER)
    tokenizer = json.loads(file.read_text(encoding="utf-8"))
    control = {one["id"]: one["content"] for one in tokenizer.get("added_tokens", ()) if one.get("special")}
    if GENERATION in own_files(directory):
        named = read_object(directory, GENERATION).get("eos_token_id")
        yield from (control[one] for one in (named if isinstance(named, list) else [named]) if one in control)
    last = settings.get("eos_token")
    last = last.get("content") if isinstance(last, dict) else last
    yield from (one for one in (str(last), *TURN_ENDS) if one in control.values())
