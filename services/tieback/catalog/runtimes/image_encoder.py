"""A network of pictures whose pooled state is the vector (ViT, DINOv2, ConvNeXT)."""

from __future__ import annotations

from typing import Literal

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FilePath, Strict


class ImageEncoder(Strict):
    """A network of pictures whose pooled state is the vector (ViT, DINOv2, ConvNeXT).

    `weights` is a safetensors file, or the index of several, with its `config`; `preprocessor` is how
    pictures are made to fit. The vector is the class's `pooler_output`, else the state of its class token.
    """

    runtime: Literal["image_encoder"] = "image_encoder"
    weights: FilePath = "model.safetensors"
    config: FilePath = "config.json"
    preprocessor: FilePath = "preprocessor_config.json"


RUNTIME = Runtime("encoder", ImageEncoder, "tieback.models.pictures.image_encoder:ImageEncoderModel")
