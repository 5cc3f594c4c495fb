"""A folder of PEFT with a low-rank adapter (LoRA, DoRA): the tensors of the base as the adapter changes them.

"LoRA: Low-Rank Adaptation of Large Language Models" (Hu et al., 2021, arXiv:2106.09685) adds to a matrix the
product of two small ones. "DoRA: Weight-Decomposed Low-Rank Adaptation" (Liu et al., 2024, arXiv:2402.09353)
also learns the length of each row. What else such a folder may hold is taken or refused by its key, so that
nothing is left out in silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import regex
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tieback_contract.arrays import Array

from tieback.catalog.own_directory import own_file, read_object
from tieback.core.errors import StartupError
from tieback.methods.merging import Weights

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
UNUSED = "pooler.dense"
"""A layer that only other tasks read. Adapters of all layers have it, and an encoder's graph does not."""
MOST_SECONDS = 0.5
"""For a pattern of the folder's, which was written by others."""
_PART = re.compile(
    r"\.(?:(lora_A|lora_B)(?:\.weight)?|(lora_embedding_A|lora_embedding_B)"
    r"|(lora_magnitude_vector)(?:\.weight)?|(lora_B)\.(bias))$"
)
_LEFT, _RIGHT, _LENGTHS, _ADDED = "left", "right", "lengths", "bias"
_KINDS = {
    "lora_A": _RIGHT,
    "lora_B": _LEFT,
    "lora_embedding_A": _RIGHT,
    "lora_embedding_B": _LEFT,
    "lora_magnitude_vector": _LENGTHS,
}
_REFUSED = {
    "target_parameters": "factors of parameters that are no layers",
    "trainable_token_indices": "rows of single tokens",
    "alora_invocation_tokens": "an adapter that begins at certain tokens",
    "layer_replication": "layers that are there more than once",
    "megatron_config": "a model in parts",
    "use_qalora": "factors of groups of a quantised matrix",
}
"""Keys of the configuration that ask for something which is not done here, and what that is."""
_STARTS = (True, False, "gaussian", "eva", "orthogonal")
"""Values of `init_lora_weights` that leave the base's weights as they are."""


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration. StartupError where it is of another kind of adapter, or asks for more."""
    config = read_object(folder, CONFIG)
    kind = config.get("peft_type")
    if kind != "LORA":
        raise StartupError(
            f"{CONFIG} is of an adapter {kind!r}, and those that are read are LORA (also with use_dora, "
            "use_rslora); merge it into its base with peft (merge_and_unload) and add the folder of that"
        )
    for key, asked in _REFUSED.items():
        if config.get(key):
            raise StartupError(
                f"{CONFIG}: {key} asks for {asked}, which is not done here; merge the adapter into its base "
                "with peft (merge_and_unload) and add the folder of that"
            )
    start = config.get("init_lora_weights", True)
    if start not in _STARTS:
        raise StartupError(
            f"{CONFIG}: init_lora_weights is {start!r}, which changes the base too; save the adapter as one "
            "of the base as it was (save_pretrained with path_initial_model_for_weight_conversion)"
        )
    if not isinstance(config.get("r"), int) or config["r"] < 1:
        raise StartupError(f"{CONFIG}: r, the rank, is a whole number above 0, and not {config.get('r')!r}")
    return config


def read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Array]], dict[str, Array]]:
    """The configuration, the parts of each matrix by its layer's name, and whole tensors by theirs.

    Names are those of the base's model, as PEFT writes them. StartupError where the folder is damaged.
    """
    config = read_config(folder)
    try:
        tensors = load_file(own_file(folder, WEIGHTS))
    except (SafetensorError, OSError, TypeError, KeyError) as error:
        raise StartupError(f"{WEIGHTS} cannot be read: {error}") from None
    layers: dict[str, dict[str, Array]] = {}
    whole: dict[str, Array] = {}
    for key, stored in tensors.items():
        array = np.asarray(stored, np.float32)
        if not np.isfinite(array).all():
            raise StartupError(f"{WEIGHTS}: the tensor {key} holds NaN or infinity")
        name = key.removeprefix(PREFIX).replace(".base_layer.", ".").replace(".modules_to_save.", ".")
        if (part := _PART.search(name)) is None:
            whole[name] = array
            continue
        layer = layers.setdefault(name[: part.start()], {})
        layer[_ADDED if part[5] else _KINDS[part[1] or part[2] or part[3]]] = array
    for layer_name, parts in layers.items():
        if not parts.keys() >= {_LEFT, _RIGHT}:
            raise StartupError(f"{WEIGHTS}: of {layer_name} there is one factor of two")
    return config, layers, whole


def adapted(base: Weights, folder: Path) -> dict[str, Array]:
    """The base's tensors as the adapter changes them: float32, by the names that the base has.

    Matrices of layers are `[out, in]`, embeddings `[tokens, width]`. A tensor is found by the end of its
    name, since the two are traced and saved below different parents. StartupError where the adapter changes a
    tensor that the base lacks or has in another shape.
    """
    config, layers, whole = read_adapter(folder)
    changed = dict(base)
    for layer, parts in layers.items():
        if f".{layer}".endswith(f".{UNUSED}"):
            continue
        name = _found(base, f"{layer}.weight", folder)
        changed[name] = _changed(base[name], parts, config, layer)
        if _ADDED in parts:
            bias = _found(base, f"{layer}.bias", folder)
            added = parts[_ADDED] * np.float32(_scale(config, layer, parts))
            changed[bias] = _like(base[bias], base[bias] + added, f"{layer}.lora_B.bias")
    for name, array in whole.items():
        if f".{name}".rpartition(".")[0].endswith(f".{UNUSED}"):
            continue
        found = _found(base, name, folder)
        changed[found] = _like(base[found], array, name)
    return changed


def _changed(matrix: Array, parts: Mapping[str, Array], config: Mapping[str, Any], layer: str) -> Array:
    left, right = parts[_LEFT], parts[_RIGHT]
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
        raise StartupError(
            f"{WEIGHTS}: the factors of {layer} are {list(left.shape)} and {list(right.shape)}, which is no "
            "product of matrices"
        )
    product = left @ right * np.float32(_scale(config, layer, parts))
    # Embeddings are stored the other way round, and so are layers of the kind Conv1D.
    turned = product.T if product.shape != matrix.shape and product.T.shape == matrix.shape else product
    changed = _like(matrix, matrix + turned if turned.shape == matrix.shape else product, layer)
    if _LENGTHS not in parts:
        return changed
    lengths = parts[_LENGTHS].reshape(-1)
    if lengths.shape != matrix.shape[:1]:
        raise StartupError(f"{WEIGHTS}: {layer} has {len(matrix)} rows and {len(lengths)} lengths of them")
    norms: Array = np.linalg.norm(changed, axis=1)
    return np.asarray(changed * (lengths / norms)[:, None], np.float32)


def _scale(config: Mapping[str, Any], layer: str, parts: Mapping[str, Array]) -> float:
    """The factor of a layer's product: alpha over the rank, or over its root."""
    alpha = _of_layer(config.get("alpha_pattern"), layer, config.get("lora_alpha", 8))
    rank = parts[_RIGHT].shape[0]
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _of_layer(pattern: Any, layer: str, otherwise: Any) -> Any:
    """A layer's own value: of the first pattern that the end of its name matches, as PEFT reads them."""
    for key, value in (pattern or {}).items():
        try:
            if regex.fullmatch(rf"(.*\.)?({key})", layer, timeout=MOST_SECONDS):
                return value
        except (regex.error, TimeoutError):
            raise StartupError(f"{CONFIG}: the pattern {key!r} cannot be matched with {layer}") from None
    return otherwise


def _found(base: Weights, name: str, folder: Path) -> str:
    """The base's name of a tensor that the adapter changes."""
    alike = [one for one in base if one == name or one.endswith(f".{name}") or name.endswith(f".{one}")]
    if len(alike) != 1:
        there = "which the base lacks" if not alike else f"which the base has {len(alike)} times"
        raise StartupError(
            f"{folder.name} changes {name}, {there}: the adapter is of another base, or of a part of it that "
            "is not exported"
        )
    return alike[0]


def _like(old: Array, new: Array, name: str) -> Array:
    if new.shape != old.shape:
        raise StartupError(
            f"{WEIGHTS}: what is added to {name} is {list(new.shape)}, and the base has {list(old.shape)}"
        )
    return np.asarray(new, np.float32)
