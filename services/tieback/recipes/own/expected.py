"""Expectations of a folder before it is exported: the class and the exporter, memory, and tokens a second."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from tieback.encoder.service import BATCH_TOKENS
from tieback.models.text.working_memory import WorkingMemory
from tieback.recipes.graphs.attention import attends
from tieback.recipes.graphs.backbone import Head, class_of, read_config
from tieback.recipes.graphs.checkpoint import Checkpoint
from tieback.recipes.graphs.patches import find_patch, own_code
from tieback.recipes.own.folder import CONFIG, WEIGHTS, OwnFolder

HEADS: Mapping[str, Head] = {
    "transformer_text": "",
    "late_interaction": "",
    "text_classifier": "sequence",
    "cross_encoder": "sequence",
    "yes_no_reranker": "next",
}
"""Runtimes of one transformer that reads texts, and what each has above it."""
LEFT_OUT = ("decoder.", "lm_head.", "cls.", "vocab_")
"""Beginnings of tensors that an export drops."""
SHORT = 128
"""Tokens of a text for which the speed is said beside the longest."""
SECONDS, MOST_VALUES = 0.3, 1 << 24


@dataclass(frozen=True, slots=True)
class TransformerSize:
    """A transformer's numbers: all `values` of its weights, and of `products` with a token's vectors."""

    layers: int
    memory: WorkingMemory
    values: int
    products: int

    def weights(self, *, int8: bool = False) -> int:
        """Bytes of the weights as served: 4 for a value, and in int8 one for a value of a product."""
        return 4 * self.values - (3 * min(self.products, self.values) if int8 else 0)

    def operations(self, tokens: int) -> int:
        """Multiplications and additions of a token, in a text of so many."""
        return 2 * self.products + 4 * tokens * self.memory.width * self.layers


def expected(folder: OwnFolder, card: Mapping[str, Any]) -> dict[str, str]:
    """Facts about what a card of the folder will need; none where it is not one transformer of texts."""
    runtime, options = str(card.get("runtime")), card.get("options") or {}
    weights = str(options.get("weights", WEIGHTS))
    if runtime not in HEADS or weights.endswith(".onnx"):
        return {}
    config_name = str(options.get("config", CONFIG))
    config = read_config(folder.directory, config_name)
    head: Head = "tokens" if card.get("problem") == "tokens" else HEADS[runtime]
    network = class_of(config, config_name, head).__name__
    facts = {
        "exports": f"{network} of transformers, {exporter(config, folder.config)}, to ONNX in float32; "
        "in int8, too, where the card asks for it"
    }
    size = size_of(config, Checkpoint.open(folder.directory, weights))
    return facts if size is None else facts | _needs(size, int(card["max_tokens"]))


def _needs(size: TransformerSize, tokens: int) -> dict[str, str]:
    beside = f"{_bytes(size.memory.bytes(1, tokens))} for a text of {tokens:,} tokens"
    if (together := BATCH_TOKENS // tokens) > 1:
        beside += f", {_bytes(size.memory.bytes(together, tokens))} for {together} of them in a batch"
    rate = operations_a_second(size, min(tokens, BATCH_TOKENS))
    lengths = sorted({min(tokens, SHORT), tokens})
    speeds = [
        f"{_digits(rate / size.operations(one))} tokens a second in texts of {one:,}" for one in lengths
    ]
    return {
        "memory": f"weights {_bytes(size.weights())}, in int8 about {_bytes(size.weights(int8=True))}; "
        f"beside them about {beside}",
        "speed": f"at most about {', '.join(speeds)}, by one thread here in float32, "
        "as products of the model's sizes take",
    }


def exporter(config: Any, fields: Mapping[str, Any]) -> str:
    """The way from torch to ONNX that a configuration takes, with the patch for its architecture."""
    name = own_code(fields) or str(config.model_type)
    return "by torch.export" + ("" if find_patch(name) is None else f" with the patch {name}")


def size_of(config: Any, checkpoint: Checkpoint) -> TransformerSize | None:
    """The numbers of a transformer, by its configuration and the headers of its weights.

    None where the configuration says no layers, heads or width.
    """
    layers = getattr(config, "num_hidden_layers", None)
    memory = WorkingMemory.of(config, in_blocks=attends(class_of(config, CONFIG, ""), config))
    if not layers or memory is None:
        return None
    kept = {name: shape for name, shape in checkpoint.shapes.items() if not name.startswith(LEFT_OUT)}
    shared = layers // int(getattr(config, "num_hidden_groups", layers) or layers)  # ALBERT's, used again
    products = sum(prod(shape) for name, shape in kept.items() if len(shape) > 1 and "embed" not in name)
    return TransformerSize(int(layers), memory, sum(map(prod, kept.values())), products * shared)


def operations_a_second(size: TransformerSize, tokens: int) -> float:
    """Operations a second of one thread of this machine, by products of the model's own sizes for 0.3 s."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        width = size.memory.width
        inner = max(1, min(size.memory.inner, MOST_VALUES // width))
        given, weights = torch.rand(tokens, width), torch.rand(width, inner)
        given @ weights
        begun, done = time.process_time(), 0
        while (seconds := time.process_time() - begun) < SECONDS:
            given @ weights
            done += 1
        return 2 * tokens * width * inner * done / seconds
    finally:
        torch.set_num_threads(threads)


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 10**9 else f"{max(count / 1e6, 0.1):,.1f} MB"


def _digits(rate: float) -> str:
    """Two digits: more are not known."""
    return f"{float(f'{rate:.2g}'):,.0f}"
