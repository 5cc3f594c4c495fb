"""The layers of a language model that follow those which an encoder of its tokens has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tieback.catalog.card import EncoderCard
from tieback.catalog.own_directory import read_object
from tieback.core.errors import InvalidInput, StartupError
from tieback.models.store import Store
from tieback.recipes.graphs.checkpoint import Checkpoint
from tieback.recipes.networks.llama_drift import torch_model
from tieback.recipes.networks.llama_files import read_transformers
from tieback.recipes.networks.llama_weights import LlamaWeights
from tieback.training.data.texts import SAMPLE
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tokenizers import Tokenizer

from tieback_lab.methods.fusion import TURNS, Layers
from tieback_lab.methods.fusion.notellm2 import LAYERS

FIELD = at("parameters", "language_model")
TOKENS = 256
"""Of a sample, by which states are measured."""
NORM, LAST = "norm.weight", "layers.{}.mlp.down_proj.weight"
SMALLEST = 1e-3
"""Of a weight of a norm that is undone."""


def layers_after(card: EncoderCard, store: Store, folder: Path, part: int) -> Layers:
    """The layers of the language model in `folder` that go on from the tokens of the encoder `card`.

    The encoder is the model's first layers: a folder of its own, which transformers saved. Its tokens have
    length 1 behind the model's last norm; what a state is before it, the model says of a sample.

    InvalidInput where the folder holds no such model, or the encoder is not of its first layers.
    """
    try:
        weights = read_transformers(folder)
    except (StartupError, OSError, ValueError, KeyError) as error:
        raise InvalidInput(f"no language model can be read there: {error}", field=FIELD) from None
    own = store.weights(card)
    count = read_object(own, "config.json").get("num_hidden_layers")
    saved = Checkpoint.open(own, getattr(card.options, "weights", "model.safetensors"))
    if not isinstance(count, int) or count + len(LAYERS) > weights.shape.layers:
        raise InvalidInput(
            f"{card.name} has {count} layers, and the language model {weights.shape.layers}; "
            f"{len(LAYERS)} are needed behind the encoder's",
            field=FIELD,
        )
    arrays = {name: one.numpy() for name, one in saved.read([NORM, LAST.format(count - 1)])}
    theirs = weights.layers[count - 1].down.dequantize()
    if len(arrays) != 2 or not np.array_equal(arrays[LAST.format(count - 1)], theirs):
        raise InvalidInput(
            f"the layers of {card.name} are not the first ones of the language model", field=FIELD
        )
    sample = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(SAMPLE).ids[:TOKENS]
    (states,) = states_before(weights, count, [sample])
    return decoder_layers(weights, count, part, before_norm(states, arrays[NORM]))


def before_norm(states: Array, norm: Array) -> Array:
    """The matrix by which rows of length 1 behind a norm of these weights are as the `states` before it."""
    size = float(np.median(np.linalg.norm(states * norm, axis=1)))
    return np.diag(size / np.where(np.abs(norm) < SMALLEST, SMALLEST, norm))


def decoder_layers(weights: LlamaWeights, first: int, part: int, into: Array) -> Layers:
    """Two layers, from the `first` on. InvalidInput where a layer has more than Llama's."""
    shape, arrays = weights.shape, dict[str, Array]()
    half = shape.head_width // 2
    arrays[TURNS] = (shape.rotary_base ** -(np.arange(half) / half)).astype(np.float32)
    for name, layer in zip(LAYERS, weights.layers[first:], strict=False):
        more = (layer.query_bias, layer.key_bias, layer.value_bias, layer.query_norm, layer.key_norm)
        if shape.activation != "silu" or shape.norm_offset or any(one is not None for one in more):
            raise InvalidInput(
                f"a {shape.architecture} has more than the layers of a llama, which can be trained",
                field=FIELD,
            )
        times = shape.heads // shape.key_value_heads
        by_head = (shape.key_value_heads, shape.head_width, shape.width)
        key, value = (
            np.repeat(one.dequantize().reshape(by_head), times, axis=0).reshape(-1, shape.width)
            for one in (layer.key, layer.value)
        )
        before, between = layer.attention_norm, layer.feed_forward_norm
        found = {
            "q": layer.query.dequantize() * before, "k": key * before, "v": value * before,
            "o": layer.output.dequantize(), "down": layer.down.dequantize(),
            "gate": layer.gate.dequantize() * between, "up": layer.up.dequantize() * between,
        }  # fmt: skip
        arrays |= {f"{name}_{own}": np.ascontiguousarray(one.T, np.float32) for own, one in found.items()}
    return Layers(part, np.asarray(into, np.float32), arrays)


@torch.inference_mode()
def states_before(weights: LlamaWeights, layer: int, texts: list[list[int]]) -> list[Array]:
    """The states `[tokens, width]` that enter a layer, of texts as token numbers."""
    model = torch_model(weights)
    model.model.layers = model.model.layers[: layer + 1]
    found = (model.model(torch.tensor([one]), output_hidden_states=True) for one in texts)
    return [np.asarray(one.hidden_states[layer][0].numpy()) for one in found]
