"""Expectations of a folder before it is exported: the class and the exporter, memory, and speed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from tieback.encoder.service import BATCH_TOKENS
from tieback.models.text.working_memory import WorkingMemory
from tieback.recipes.export.claim_classifier import HEADS as OF_CHECKERS
from tieback.recipes.graphs.attention import attends
from tieback.recipes.graphs.backbone import Head, class_of, read_config
from tieback.recipes.graphs.checkpoint import Checkpoint
from tieback.recipes.graphs.patches import find_patch, own_code
from tieback.recipes.own.expected_of_others import OTHERS, expected_of_others
from tieback.recipes.own.folder import CONFIG, WEIGHTS, OwnFolder
from tieback.recipes.own.rates import BY_PRODUCTS, operations_a_second, shown_bytes, shown_digits

HEADS: Mapping[str, Head] = {
    "transformer_text": "",
    "late_interaction": "",
    "text_classifier": "sequence",
    "cross_encoder": "sequence",
    "yes_no_reranker": "next",
    "claim_classifier": "sequence",
}
"""Runtimes of one transformer that reads texts, and what each has above it."""
ENCODERS = ("transformer_text", "late_interaction")
LEFT_OUT = ("decoder.", "lm_head.", "cls.", "vocab_")
"""Beginnings of tensors that an export drops."""
SHORT = 128
"""Tokens of a text for which the speed is said beside the longest."""


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


def expected(folder: OwnFolder, cards: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Facts about what the cards of a folder will need; none for graphs and language models."""
    card = cards[0]
    runtime, options = str(card.get("runtime")), card.get("options") or {}
    weights = str(options.get("weights", WEIGHTS))
    if weights.endswith(".onnx"):
        return {}
    if runtime in OTHERS:
        return expected_of_others(folder, cards)
    if runtime not in HEADS:
        return {}
    config_name = str(options.get("config", CONFIG))
    head: Head = "tokens" if card.get("problem") == "tokens" else HEADS[runtime]
    head = OF_CHECKERS[options.get("head", head)] if runtime == "claim_classifier" else head
    config = read_config(folder.directory, config_name)
    network = class_of(config, config_name, head).__name__
    lower = "precisions: {int8: {}}" if runtime in ENCODERS else "options: {precision: int8}"
    facts = {
        "exports": f"{network} of transformers, {exporter(config, folder.config)}, to ONNX in float32; "
        f"in int8 where the card says {lower}"
    }
    size = size_of(config, Checkpoint.open(folder.directory, weights))
    return facts if size is None else facts | _needs(size, int(card["max_tokens"]))


def _needs(size: TransformerSize, tokens: int) -> dict[str, str]:
    beside = f"{shown_bytes(size.memory.bytes(1, tokens))} for a text of {tokens:,} tokens"
    if (together := BATCH_TOKENS // tokens) > 1:
        beside += f", {shown_bytes(size.memory.bytes(together, tokens))} for {together} of them in a batch"
    rate = operations_a_second(min(tokens, BATCH_TOKENS), size.memory.width, size.memory.inner)
    lengths = sorted({min(tokens, SHORT), tokens})
    speeds = [
        f"{shown_digits(rate / size.operations(one))} tokens a second in texts of {one:,}" for one in lengths
    ]
    lower = shown_bytes(size.weights(int8=True))
    return {
        "memory": f"weights {shown_bytes(size.weights())}, in int8 about {lower}; beside them about {beside}",
        "speed": f"at most about {', '.join(speeds)}, {BY_PRODUCTS}",
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
