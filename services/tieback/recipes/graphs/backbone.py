"""A transformers folder to a torch module, when the folder is not to be trusted.

The class is the one that transformers itself has for the folder's `config.json`; code of the folder's own is
never run. The weights' names and shapes are held against the configuration before anything of their size is
allocated: the header of a safetensors file says both.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import torch
import transformers
from safetensors import safe_open
from torch import Tensor
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForPreTraining,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTextEncoding,
    AutoModelForTokenClassification,
)

from tieback.catalog.own_directory import read_object
from tieback.core.errors import StartupError
from tieback.models.reference import IDS, MASK
from tieback.recipes.graphs.checkpoint import Checkpoint, read_shapes
from tieback.recipes.graphs.patches import find_patch, own_code

MOST_LAYERS = 256
# In a checkpoint but without a part in the token states, or made anew by the model.
POOLER = "pooler."  # below some heads, which then need it
UNUSED = (POOLER, "embeddings.position_ids", "cls.", "masked_spec_embed")
MADE_ANEW = ("position_ids", "token_type_ids")
LAYERS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
SHOWN = 3
Head = Literal["", "sequence", "tokens", "language", "next", "pages"]
HEADS: Mapping[Head, tuple[str, Any]] = {
    "": ("encoder", AutoModel),
    "sequence": ("classifier of texts", AutoModelForSequenceClassification),
    "tokens": ("classifier of tokens", AutoModelForTokenClassification),
    "language": ("encoder with a decoder", AutoModelForSeq2SeqLM),
    "next": ("language model", AutoModelForCausalLM),
    "pages": ("model that reads pages", AutoModelForPreTraining),
}
"""Heads above a backbone: the name that messages give the model, and the class of transformers."""
Shapes = Mapping[str, tuple[int, ...]]


def read_config(folder: Path, name: str, architectures: Collection[str] = (), *, head: Head = "") -> Any:
    """The configuration, as transformers' class of it has it; of one of the `architectures`, if given.

    StartupError where transformers has no class that computes it with the head, where it asks for a
    quantisation, or contradicts itself.
    """
    fields = read_object(folder, name)
    architecture = fields.get("model_type")
    custom = own_code(fields)
    patch = find_patch(custom or str(architecture))
    if custom and patch is None:
        raise StartupError(
            f"{name} asks for code that comes with the weights (auto_map: {custom}), which is never run "
            "here, and transformers has no class that is known to compute the same; export the model to ONNX "
            "where you trust it, and name the ONNX file as the card's weights"
        )
    if patch is not None:
        architecture = getattr(patch, "ARCHITECTURE", custom or architecture)
        fields = patch.config(fields) if hasattr(patch, "config") else fields
    if architecture not in (architectures or CONFIG_MAPPING):
        known = f"; those that are: {', '.join(architectures)}" if architectures else ""
        raise StartupError(
            f"{name} is of the architecture {architecture!r}, which is not exported here{known}. "
            "Others come as an ONNX file"
        )
    if fields.get("quantization_config"):
        raise StartupError(f"{name} is of quantised weights; take the float32 or float16 ones")
    for part in (fields, *(value for value in fields.values() if isinstance(value, dict))):
        _check_part(name, part)
    kept = {key: value for key, value in fields.items() if key not in ("model_type", "auto_map")}
    try:
        config = CONFIG_MAPPING[str(architecture)].from_dict(kept)
    except Exception as error:  # the checks of a configuration have classes of their own
        raise StartupError(f"{name} is no configuration of {architecture}: {_short(error)}") from error
    if head:
        class_of(config, name, head)
    return config


def read_text_config(folder: Path, name: str) -> Any:
    """`read_config`, of any model that reads a text. StartupError where it reads something else."""
    config = read_config(folder, name)
    reads = inspect.signature(class_of(config, name, "").forward).parameters
    if not {IDS, MASK} <= set(reads) or not hasattr(config, "hidden_size"):
        raise StartupError(
            f"{name} is of the architecture {config.model_type!r}, which is not exported here as an encoder "
            "of texts. Others come as an ONNX file"
        )
    return config


def load_model(
    folder: Path, weights: str, config: Any, config_name: str, *, head: Head = ""
) -> torch.nn.Module:
    """The model of the configuration with the weights, in float32, on the processor.

    `weights` is a safetensors file, or the index of several. StartupError where tensors are missing, too
    many, of other shapes, or hold NaN.
    """
    checkpoint = Checkpoint.open(folder, weights)
    of = class_of(config, config_name, head)
    outline = {name: torch.zeros(()).expand(shape) for name, shape in checkpoint.shapes.items()}
    try:
        _, found = _loaded(of, config, outline, device_map="meta")  # without a byte for the values
    except Exception as error:  # the layers' error for sizes that do not go together
        raise StartupError(f"{config_name} cannot be built: {_short(error)}") from error
    _check_fit(checkpoint, config_name, found, f"{of.base_model_prefix}.", head)
    state = dict(checkpoint.read(checkpoint.shapes))
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise StartupError(f"{checkpoint.name}: the tensor {name} holds NaN or infinity")
    model, _ = _loaded(of, config, state)
    patch = find_patch(config.model_type)
    if patch is not None and hasattr(patch, "prepare"):
        patch.prepare(model)
    return cast(torch.nn.Module, model.eval())


def find_class(architecture: Any) -> Any | None:
    """The class of transformers for a `model_type`, without a head; None where it has none."""
    try:
        found = AutoModel._model_mapping[CONFIG_MAPPING[str(architecture)]]
    except (KeyError, ValueError, ImportError):  # some classes need packages that are not here
        return None
    return found[0] if isinstance(found, tuple) else found


def outline(config: Any, config_name: str) -> torch.nn.Module:
    """The model of a configuration without values, to see shapes by. StartupError as `load_model`."""
    of = class_of(config, config_name, "")
    try:
        with torch.device("meta"):
            return cast(torch.nn.Module, of._from_config(config, attn_implementation="eager").eval())
    except Exception as error:  # the layers' error for sizes that do not go together
        raise StartupError(f"{config_name} cannot be built: {_short(error)}") from error


def load_tensors(path: Path, shapes: Shapes) -> dict[str, Tensor]:
    """Just these tensors of a safetensors file, in float32. StartupError where one is missing or differs."""
    there = read_shapes(path)
    for name, shape in shapes.items():
        if there.get(name) != shape:
            found = list(there[name]) if name in there else "not there"
            raise StartupError(f"{path.name}: {name} is {found}, and {list(shape)} was expected")
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).float() for name in shapes}


def class_of(config: Any, config_name: str, head: Head) -> Any:
    """The class of transformers; of a model that reads and writes, such as T5, the part that reads."""
    reads = AutoModelForTextEncoding._model_mapping
    kind, of = HEADS[head]
    known = of._model_mapping if head or type(config) not in reads else reads
    try:
        found = known[type(config)]
    except KeyError:
        raise StartupError(f"transformers has no {kind} of {config.model_type} ({config_name})") from None
    return found[0] if isinstance(found, tuple) else found


def _loaded(of: Any, config: Any, state: Mapping[str, Tensor], **options: Any) -> tuple[Any, dict[str, Any]]:
    """The model, and what of it and of the state goes not together, by transformers' own rules for names."""
    with _quiet():
        found = of.from_pretrained(
            None,
            config=config,
            state_dict=dict(state),
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
            attn_implementation="eager",
            **options,
        )
    return cast(tuple[Any, dict[str, Any]], found)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers from reporting what is reported here."""
    logs: Any = transformers.logging
    shown, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        logs.set_verbosity(shown)
        if bars:
            logs.enable_progress_bar()


def _check_fit(
    checkpoint: Checkpoint, config_name: str, found: Mapping[str, Any], prefix: str, head: Head
) -> None:
    """StartupError where the weights do not fit the model; beside a backbone under a prefix all may lie."""
    headed = any(name.startswith(prefix) for name in checkpoint.shapes)
    missing = sorted(
        name for name in found["missing_keys"] if not _is_spare(name) or (head and name.startswith(POOLER))
    )
    unknown = sorted(
        name
        for name in found["unexpected_keys"]
        if not _is_spare(name.removeprefix(prefix)) and (name.startswith(prefix) or not headed)
    )
    if missing or unknown:
        raise StartupError(
            f"{checkpoint.name} does not fit {config_name}: "
            f"it lacks {missing[:SHOWN] or 'nothing'} and has {unknown[:SHOWN] or 'nothing'} more"
        )
    for name, shape, wanted in sorted(found["mismatched_keys"]):
        raise StartupError(
            f"{checkpoint.name} does not fit {config_name}: {name} is {list(shape)}, and {list(wanted)} "
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
    def architecture(self) -> str:
        """The name that transformers gives it."""
        return str(self.model.config.model_type)

    @property
    def layers(self) -> int:
        """How many there are."""
        return int(self.model.config.num_hidden_layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """`[batch, tokens]` twice to layers + 1 states `[batch, tokens, width]`, the embeddings first."""
        found = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        # A norm behind the last layer is in the last state alone.
        return (*found.hidden_states[:-1], found.last_hidden_state)
