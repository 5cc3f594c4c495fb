"""The encoder that a benchmark measures with, and vectors of texts by it, kept for the next run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.methods.projection import unit_rows
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.train.encoding import encode_texts
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array

SPACE = "all-minilm-l6-v2"


def add_space(parser: argparse.ArgumentParser) -> None:
    """The option that names the encoder."""
    parser.add_argument("--space", default=SPACE, help=f"the encoder [{SPACE}]")


def encoder(space: str) -> EncoderModel:
    """The encoder of a space of the catalog."""
    return load_encoder({card.name: card for card in Catalog.load().encoders()}[space], Store())


def text_vectors(model: EncoderModel, texts: Sequence[str], what: str) -> Array:
    """Unit vectors of texts `[n, width]`."""
    step = StepCache(Store().steps).arrays(
        f"{what} in {model.card.name}",
        encode_texts,
        {"space": f"{model.card.space} {model.card.space.fingerprint}", "texts": list(texts)},
        lambda: {"dense": encode_texts(model, texts)},
    )
    return unit_rows(np.asarray(step["dense"], np.float32))
