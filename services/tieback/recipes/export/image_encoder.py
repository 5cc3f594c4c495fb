"""Encoders of pictures: a network of transformers, pooled and normalised, in one graph of dynamic batch."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from tieback.catalog.card import EncoderCard
from tieback.catalog.own_directory import LARGEST_JSON, own_file
from tieback.catalog.runtimes.image_encoder import ImageEncoder
from tieback.core.errors import StartupError
from tieback.models.pictures.fitting import CHANNELS, PictureFitting
from tieback.models.pictures.image_encoder import GRAPH, PIXELS, PREPROCESSOR
from tieback.models.reference import DENSE
from tieback.models.store.manifest import link_or_copy
from tieback.recipes.graphs.backbone import load_model, outline, read_config
from tieback.recipes.graphs.checkpoint import Checkpoint
from tieback.recipes.graphs.torch_export import export_network

POOLER, CLASS_TOKEN = "pooler.", "cls_token"


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and how pictures are made to fit; returns the graph's parity with torch."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(ImageEncoder)
    config = read_config(weights, options.config)
    fitting = keep_fitting(weights, options.preprocessor, out)
    shapes = Checkpoint.open(weights, options.weights).shapes
    describe(config, options.config, shapes, fitting)
    model = load_model(weights, options.weights, config, options.config)
    return write_pictures(card, PictureVectors(model, shapes), fitting, out, report)


class PictureVectors(torch.nn.Module):
    """Pixels to vectors: what the class pools, else the state of its class token.

    A pooler that the weights leave out was never trained, and is left out here. StartupError where there is
    neither.
    """

    def __init__(self, model: Any, names: Collection[str]) -> None:
        super().__init__()
        pooler = getattr(model, "pooler", None)
        if pooler is not None and any(True for _ in pooler.parameters()):
            model.pooler = pooler if any(POOLER in name for name in names) else None
        self.model = model

    def features(self, pixels: Tensor) -> tuple[Tensor, str]:
        """`[batch, 3, height, width]` to `[batch, width]`, and what it is."""
        found = self.model(pixel_values=pixels)
        pooled: Tensor | None = getattr(found, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1), "pooler_output"
        states, named = found.last_hidden_state, self.model.named_parameters()
        if states.ndim != 3 or not any(name.endswith(CLASS_TOKEN) for name, _ in named):
            raise StartupError(
                f"{self.model.config.model_type} gives no vector of a picture: its class in transformers has "
                "no pooler_output, and no class token; take a model whose class has one (such as ViT, DINOv2 "
                "or ConvNeXT)"
            )
        return states[:, 0], "class token"

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """`[batch, 3, height, width]` to `[batch, width]`, of length 1."""
        return (normalize(self.features(pixels)[0], dim=-1),)


def describe(
    config: Any, config_name: str, names: Collection[str], fitting: PictureFitting
) -> tuple[str, int]:
    """The vector of a picture, in words, and its width, without reading weights.

    StartupError where there is none, or where the network does not take the pictures as they are made to fit.
    """
    if getattr(config, "mask_ratio", 0):
        raise StartupError(
            f"{config_name} is of a network that hides a part of each picture at random, for training; write "
            "mask_ratio: 0 in it, so that whole pictures are read"
        )
    network = PictureVectors(outline(config, config_name), names)
    try:
        with torch.no_grad():
            vectors, pooled = network.features(pixels_of(fitting, 2))
    except StartupError:
        raise
    except Exception as error:  # each class has its own for pictures of another size
        size = getattr(config, "image_size", None)
        raise StartupError(
            f"pictures are made {fitting.height} × {fitting.width} with {CHANNELS} channels, and the "
            f"network of {config_name}, {config.model_type}{f' (image_size: {size})' if size else ''}, does "
            f"not take them: {str(error).partition(chr(10))[0][:200]}"
        ) from error
    return pooled, int(vectors.shape[-1])


def pixels_of(fitting: PictureFitting, count: int) -> Tensor:
    """Pictures without values, `[count, 3, height, width]`."""
    return torch.zeros(count, CHANNELS, fitting.height, fitting.width, device="meta")


def keep_fitting(folder: Path, name: str, out: Path) -> PictureFitting:
    """Keeps the file that says how pictures are made to fit, and reads it."""
    link_or_copy(own_file(folder, name, largest=LARGEST_JSON), out / PREPROCESSOR)
    return PictureFitting.read(out / PREPROCESSOR)


def write_pictures(
    card: EncoderCard,
    network: torch.nn.Module,
    fitting: PictureFitting,
    out: Path,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Writes the graph of a network of pictures; returns its parity."""
    report("exporting from torch, and checking parity")
    random = torch.Generator().manual_seed(0)
    pixels = torch.randn(3, CHANNELS, fitting.height, fitting.width, generator=random)
    check_width(card, network, pixels[:1])
    examples = [{PIXELS: pixels[:2]}, {PIXELS: pixels[2:]}, {PIXELS: pixels}]
    return export_network(network, examples, out / GRAPH, outputs=[DENSE], dynamic={PIXELS: {0: "batch"}})


def check_width(card: EncoderCard, network: torch.nn.Module, *inputs: Tensor) -> None:
    """StartupError where the vectors are not as wide as the card states."""
    with torch.no_grad():
        width = network(*inputs)[0].shape[-1]
    if width != card.width:
        raise StartupError(
            f"the card {card.name} says width {card.width}, and the vectors of its {card.modality}s have "
            f"{width}; write width: {width}"
        )
