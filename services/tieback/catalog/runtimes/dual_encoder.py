"""Two towers that were trained to meet in one space: texts, and pictures (CLIP, SigLIP) or sounds (CLAP)."""

from __future__ import annotations

from typing import Literal

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FilePath, Strict


class DualEncoder(Strict):
    """Two towers that were trained to meet in one space: texts, and pictures (CLIP, SigLIP) or sounds (CLAP).

    The card's modality is that of its tower; both cards point at one folder, with the same options.
    `weights` is a safetensors file, or the index of several, with its `config`; `preprocessor` is how
    pictures are made to fit, or how sounds are read.
    """

    runtime: Literal["dual_encoder"] = "dual_encoder"
    weights: FilePath = "model.safetensors"
    tokenizer: FilePath = "tokenizer.json"
    config: FilePath = "config.json"
    preprocessor: FilePath = "preprocessor_config.json"


RUNTIME = Runtime("encoder", DualEncoder, "tieback.models.pictures.dual_encoder:load_tower")
