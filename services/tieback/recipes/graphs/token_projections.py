"""The linear layers that states of tokens go through before they are compared, as folders have them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tieback.catalog.own_directory import own_file, own_files, read_json, read_object
from tieback.core.errors import StartupError
from tieback.recipes.graphs.checkpoint import Checkpoint, read_shapes
from tieback.recipes.graphs.sentence_modules import ACTIVATIONS, MODULES

WEIGHT, BIAS, RESIDUAL = "linear.weight", "linear.bias", "residual.weight"
WEIGHTS, CONFIG = "model.safetensors", "config.json"
BESIDE = "backbone"
"""In place of a folder: the layer lies in the file of the backbone, as checkpoints of ColBERT have it."""


@dataclass(frozen=True, slots=True)
class TokenProjection:
    """A linear layer of a folder, an activation, and whether what goes in is added to what comes out."""

    folder: str
    activation: str = "identity"
    is_residual: bool = False

    def weights(self, backbone: str) -> str:
        """The file of the layer's tensors, where that of the backbone is called so."""
        return backbone if self.folder == BESIDE else f"{self.folder}/{WEIGHTS}"

    @property
    def tensors(self) -> tuple[str, ...]:
        """The tensors that it may have."""
        return (WEIGHT,) if self.folder == BESIDE else (WEIGHT, BIAS, RESIDUAL)


def projections_of(directory: Path, weights: str) -> tuple[TokenProjection, ...]:
    """The layers of a folder, in their order. StartupError for a module that is none."""
    if MODULES not in own_files(directory):
        if WEIGHT not in Checkpoint.open(directory, weights).shapes:
            raise StartupError(f"{weights} has no {WEIGHT}, which a checkpoint of ColBERT projects by")
        return (TokenProjection(BESIDE),)
    found = []
    for entry in read_json(directory, MODULES)[1:]:
        kind, folder = str(entry.get("type", "")), str(entry.get("path", ""))
        if kind.rpartition(".")[2] != "Dense" or not folder:
            raise StartupError(
                f"{MODULES} has a module {kind!r} behind the transformer; those that are read are Dense"
            )
        found.append(_read(directory, folder))
    return tuple(found)


def width_of(directory: Path, weights: str, states: int) -> int:
    """The width of a token's vector, where states of the backbone have a width of `states`."""
    projections = projections_of(directory, weights)
    if not projections:
        return states
    return read_shapes(own_file(directory, projections[-1].weights(weights)))[WEIGHT][0]


def _read(directory: Path, folder: str) -> TokenProjection:
    name = f"{folder}/{CONFIG}"
    config = read_object(directory, name)
    activation = str(config.get("activation_function", "torch.nn.modules.linear.Identity"))
    if activation not in ACTIVATIONS:
        raise StartupError(f"{name} has the activation {activation!r}; known are: {', '.join(ACTIVATIONS)}")
    if WEIGHT not in read_shapes(own_file(directory, f"{folder}/{WEIGHTS}")):
        raise StartupError(f"{folder}/{WEIGHTS} has no {WEIGHT}")
    return TokenProjection(folder, ACTIVATIONS[activation], bool(config.get("use_residual")))
