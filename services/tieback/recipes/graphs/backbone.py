"""A transformers folder to a torch module, when the folder is not to be trusted.

The architecture is one of a list, code of the folder's own is never run, and the weights' names and shapes
are held against the configuration before anything of their size is allocated: the header of a safetensors
file says both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from tieback.catalog.own_directory import read_object
from tieback.core.errors import StartupError
from tieback.recipes.graphs.checkpoint import Checkpoint, read_shapes

MOST_LAYERS = 256
# In a checkpoint but without a part in the token states, or made anew by the model.
POOLER = "pooler."  # below some heads, which then need it
UNUSED = (POOLER, "embeddings.position_ids", "cls.")
MADE_ANEW = ("position_ids", "token_type_ids")
LAYERS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
SHOWN = 3
Head = Literal["", "sequence", "tokens", "language", "next"]
HEADS: Mapping[Head, Any] = {
    "": AutoModel,
    "sequence": AutoModelForSequenceClassification,
    "tokens": AutoModelForTokenClassification,
    "language": AutoModelForSeq2SeqLM,
    "next": AutoModelForCausalLM,
}
"""Classes of transformers, by what a model has above its backbone."""
Shapes = Mapping[str, tuple[int, ...]]


def read_config(folder: Path, name: str, architectures: Collection[str]) -> Any:
    """The configuration, of one of the `architectures`.

    StartupError where it is of another, asks for code of its own or a quantisation, or contradicts itself.
    """
    fields = read_object(folder, name)
    architecture = fields.get("model_type")
    if "auto_map" in fields:
        raise StartupError(
            f"{name} asks for code that comes with the weights (auto_map), which is never run here; "
            "export the model to ONNX where you trust it, and name the ONNX file as the card's weights"
        )
    if architecture not in architectures:
        raise StartupError(
            f"{name} is of the architecture {architecture!r}, which is not exported here; "
            f"those that are: {', '.join(architectures)}. Others come as an ONNX file"
        )
    if fields.get("quantization_config"):
        raise StartupError(f"{name} is of quantised weights; take the float32 or float16 ones")
    for part in (fields, *(value for value in fields.values() if isinstance(value, dict))):
        _check_part(name, part)
    try:
        return CONFIG_MAPPING[str(architecture)].from_dict(fields)
    except Exception as error:  # the checks of a configuration have classes of their own
        raise StartupError(f"{name} is no configuration of {architecture}: {_short(error)}") from error


def load_model(
    folder: Path, weights: str, config: Any, config_name: str, *, head: Head = ""
) -> torch.nn.Module:
    """The model of the configuration with the weights, in float32, on the processor.

    `weights` is a safetensors file, or the index of several. StartupError where tensors are missing, too
    many, of other shapes, or hold NaN.
    """
    checkpoint = Checkpoint.open(folder, weights)
    with torch.device("meta"):  # names and shapes, without a byte for the values
        skeleton = _build(config, config_name, head)
    wanted = {name: tuple(value.shape) for name, value in skeleton.state_dict().items()}
    prefix = f"{getattr(skeleton, 'base_model_prefix', '')}."
    names = _names(checkpoint.shapes, wanted, prefix)
    _check_shapes(checkpoint.name, config_name, names, wanted, _tied(skeleton), head)
    model = _build(config, config_name, head)
    state = {names[theirs][0]: tensor for theirs, tensor in checkpoint.read(names)}
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise StartupError(f"{checkpoint.name}: the tensor {name} holds NaN or infinity")
    model.load_state_dict({name: value for name, value in state.items() if name in wanted}, strict=False)
    return model.eval()


def load_tensors(path: Path, shapes: Shapes) -> dict[str, Tensor]:
    """Just these tensors of a safetensors file, in float32. StartupError where one is missing or differs."""
    there = read_shapes(path)
    for name, shape in shapes.items():
        if there.get(name) != shape:
            found = list(there[name]) if name in there else "not there"
            raise StartupError(f"{path.name}: {name} is {found}, and {list(shape)} was expected")
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).float() for name in shapes}


def _build(config: Any, config_name: str, head: Head) -> torch.nn.Module:
    try:
        model = HEADS[head].from_config(config, attn_implementation="eager", dtype=torch.float32)
    except Exception as error:  # the layers' error for sizes that do not go together
        raise StartupError(f"{config_name} cannot be built: {_short(error)}") from error
    return cast(torch.nn.Module, model)


def _names(there: Shapes, wanted: Shapes, prefix: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The checkpoint's tensors by its names, each with ours and its shape.

    A model with a head has the backbone under a prefix, and nothing else there is looked at. Checkpoints of
    long ago call a norm's parameters gamma and beta.
    """
    headed = not any(name.startswith(prefix) for name in wanted) and any(
        name.startswith(prefix) for name in there
    )
    names = {}
    for name, shape in there.items():
        if headed and not name.startswith(prefix):
            continue
        ours = name.removeprefix(prefix) if headed else name
        for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
            if ours not in wanted and ours.endswith(old):
                ours = ours.removesuffix(old) + new
        names[name] = (ours, shape)
    return names


def _tied(model: torch.nn.Module) -> dict[str, str]:
    """Tensors that are another one, of which a checkpoint holds either: both ways."""
    names: Mapping[str, str] = getattr(model, "all_tied_weights_keys", None) or {}
    return {**names, **{other: name for name, other in names.items()}}


def _check_shapes(
    weights: str,
    config_name: str,
    names: Mapping[str, tuple[str, tuple[int, ...]]],
    wanted: Shapes,
    tied: Mapping[str, str],
    head: Head,
) -> None:
    there = dict(names.values())
    missing = [
        name
        for name in wanted
        if name not in there
        and tied.get(name) not in there
        and not (_is_spare(name) and not (head and name.startswith(POOLER)))
    ]
    unknown = [name for name in there if name not in wanted and not _is_spare(name)]
    if missing or unknown:
        raise StartupError(
            f"{weights} does not fit {config_name}: "
            f"it lacks {missing[:SHOWN] or 'nothing'} and has {unknown[:SHOWN] or 'nothing'} more"
        )
    for name, shape in there.items():
        if name in wanted and shape != wanted[name]:
            raise StartupError(
                f"{weights} does not fit {config_name}: {name} is {list(shape)}, and {list(wanted[name])} "
                "by the configuration"
            )


def _is_spare(name: str) -> bool:
    return name.startswith(UNUSED) or name.endswith(MADE_ANEW)


def _check_part(name: str, fields: Mapping[str, Any]) -> None:
    if fields.get("is_decoder"):
        raise StartupError(f"{name} is of a decoder (is_decoder); an encoder is needed")
    for key in LAYERS:
        layers = fields.get(key)
        if isinstance(layers, int) and layers > MOST_LAYERS:
            raise StartupError(
                f"{name} asks for {layers} layers ({key}), and at most {MOST_LAYERS} are built"
            )


def _short(error: Exception) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:300]


class LayeredBackbone(torch.nn.Module):
    """A transformers encoder as the states of its layers."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    @property
    def layers(self) -> int:
        """How many there are."""
        return int(self.model.config.num_hidden_layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """`[batch, tokens]` twice to layers + 1 states `[batch, tokens, width]`, the embeddings first."""
        found = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        # A norm behind the last layer is in the last state alone.
        return (*found.hidden_states[:-1], found.last_hidden_state)
