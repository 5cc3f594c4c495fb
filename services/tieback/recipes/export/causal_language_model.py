"""Exports a Llama-like language model to ONNX, once, for decoding on a CPU with a key-value cache.

The bits of a weight are the card's; `scripts/bench weight_bits` says what each costs. 8 are served by
default: they read prompts fastest, and an answer from passages reads far more tokens than it writes.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from tieback.catalog.card import GeneratorCard
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.core.errors import StartupError
from tieback.models.language.model import CHAT_TEMPLATE, GRAPH, TOKENIZER
from tieback.recipes.networks.gguf_tokenizer import tokenizer_of
from tieback.recipes.networks.llama_drift import SAMPLE_TOKENS, measure
from tieback.recipes.networks.llama_files import read_gguf, read_transformers
from tieback.recipes.networks.llama_graph import write_graph
from tieback.recipes.networks.llama_weights import QUANTIZED, LlamaWeights, recoded
from tieback.training.data.texts import SAMPLE

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


PARITY = 1e-2
"""Largest difference of a logit that float32 rounding may explain; logits are some ±30."""


def export(card: GeneratorCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, float]:
    """Writes graph, weights, tokenizer and chat template into `out`; returns what was measured.

    `weights` is the folder with the files of the card's sources: a GGUF file, or what transformers saved.
    StartupError where the model is none that can be exported, or where the graph does not agree with torch.
    """
    options = card.options_for(CausalLanguageModel)
    name = options.weights
    report(f"reading {name}")
    published, tokenizer, template = _read(weights, name)
    tokenizer.save(str(out / TOKENIZER))
    (out / CHAT_TEMPLATE).write_text(template, encoding="utf-8")
    if card.context_tokens > published.shape.context:
        raise StartupError(
            f"the card {card.name} has {card.context_tokens} context_tokens, and the model reads "
            f"{published.shape.context}"
        )
    report("writing the graph")
    held = recoded(published, options.bits)
    write_graph(held, out / GRAPH)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        proof = out / GRAPH
        if options.bits <= QUANTIZED:  # in floats, what is served is its own proof
            proof = Path(folder) / GRAPH
            write_graph(held, proof, arithmetic="float32")
        report("comparing with torch")
        tokens = np.array(tokenizer.encode(SAMPLE).ids[:SAMPLE_TOKENS], np.int64)
        metrics = measure(published, out / GRAPH, proof, held, tokens)
    worst = max(value for name, value in metrics.items() if name.startswith("parity_"))
    if not worst < PARITY:
        raise StartupError(
            f"the exported graph differs from torch by {worst:.3g} in a logit; it is not usable"
        )
    report(
        f"with {options.bits} bits a weight, {metrics['drift_same_choice']:.0%} of the first choices are the "
        f"same, the distribution of the next token moves by {metrics['drift_divergence']:.3g} nats, and the "
        f"loss is {metrics['loss_served']:.3f} in place of {metrics['loss_published']:.3f} nats a token"
    )
    return metrics


def read_weights(folder: Path, name: str) -> LlamaWeights:
    """The weights as they were published: of a GGUF file, or of what transformers saved."""
    return _read(folder, name)[0]


def _read(weights: Path, name: str) -> tuple[LlamaWeights, Tokenizer, str]:
    if name.endswith(".gguf"):
        published, metadata = read_gguf(weights / name)
        return published, tokenizer_of(metadata), template_of_gguf(metadata)
    published = read_transformers(weights)
    tokenizer = Tokenizer.from_file(str(weights / TOKENIZER))
    return published, tokenizer, template_of_folder(weights)
