"""The chat template that a language model was published with, and the control tokens that it names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieback.core.errors import StartupError
from tieback.models.language_model import CHAT_TEMPLATE

NAMES = ("bos_token", "eos_token")
"""Variables that templates have of their tokenizer."""


def template_of_folder(folder: Path) -> str:
    """That of what transformers saved. StartupError where there is none."""
    own, configuration = folder / CHAT_TEMPLATE, folder / "tokenizer_config.json"
    settings = json.loads(configuration.read_text(encoding="utf-8")) if configuration.exists() else {}
    template = own.read_text(encoding="utf-8") if own.exists() else settings.get("chat_template")
    if not isinstance(template, str):
        raise StartupError(f"the model has no chat template: add a {CHAT_TEMPLATE} to its folder")
    found = {name: settings.get(name) for name in NAMES}
    return _with_tokens(
        template, {key: one["content"] if isinstance(one, dict) else one for key, one in found.items()}
    )


def template_of_gguf(metadata: Mapping[str, Any]) -> str:
    """That of a GGUF file, by its metadata; empty where it has none."""
    tokens = metadata["tokenizer.ggml.tokens"]
    numbers = {name: metadata.get(f"tokenizer.ggml.{name}_id") for name in NAMES}
    named = {name: None if number is None else tokens[number] for name, number in numbers.items()}
    return _with_tokens(str(metadata.get("tokenizer.chat_template", "")), named)


def _with_tokens(template: str, tokens: Mapping[str, str | None]) -> str:
    """The template with the variables that it reads, so that whoever fills it need not know them."""
    return (
        "".join(
            f"{{% set {name} = {json.dumps(token, ensure_ascii=False)} %}}"
            for name, token in tokens.items()
            if token and re.search(rf"\b{name}\b", template)
        )
        + template
    )
