"""Expectations of networks of pictures, of sounds, and of two towers, by a run without values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tieback_contract.modality import Modality

from tieback.catalog.own_directory import LARGEST_JSON, own_file
from tieback.models.pictures.fitting import PictureFitting
from tieback.models.sounds.front_ends import FrontEnd, read_front_end
from tieback.recipes.export.audio_transformer import outlined
from tieback.recipes.export.dual_encoder import read_pair
from tieback.recipes.export.image_encoder import PictureVectors, pixels_of
from tieback.recipes.graphs.backbone import class_of, outline, read_config
from tieback.recipes.graphs.checkpoint import Checkpoint
from tieback.recipes.own.audio_encoder import SECONDS
from tieback.recipes.own.dry_run import DryRun
from tieback.recipes.own.folder import CONFIG, OwnFolder
from tieback.recipes.own.image_encoder import PREPROCESSORS
from tieback.recipes.own.rates import BY_PRODUCTS, operations_a_second, shown_bytes, shown_digits

PAIR = "dual_encoder"
OTHERS = ("image_encoder", "audio_transformer", PAIR)
"""Runtimes of which a run without values says what they take."""
FEW_ROWS = 64
"""Rows of the products that the speed is measured by, where no text says how many there are."""


class Reading(NamedTuple):
    """A run of one input: its name, and what is counted in a second, so many of them an input."""

    name: str
    counted: str
    times: float
    run: DryRun


def expected_of_others(folder: OwnFolder, cards: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Facts about what the cards of a folder will need: one card, or one for each tower."""
    read = read_pair if cards[0]["runtime"] == PAIR else read_config
    config = read(folder.directory, CONFIG)
    readings = [_reading(folder, card, config) for card in cards]
    tokens = max(int(card.get("max_tokens", 0)) for card in cards) or FEW_ROWS
    width = int(cards[0]["width"])
    rate = operations_a_second(tokens, width, 4 * width)
    network = class_of(config, CONFIG, "").__name__
    return {
        "exports": f"{network} of transformers, by torch.export, to ONNX in float32",
        "memory": "; ".join(
            f"weights {shown_bytes(run.weights)}, and beside them about {shown_bytes(run.states)} for {name}"
            for name, _, _, run in readings
        ),
        "speed": "at most about "
        + " or ".join(
            f"{shown_digits(rate / run.operations * times)} {counted} a second"
            for _, counted, times, run in readings
        )
        + f", {BY_PRODUCTS}",
    }


def _reading(folder: OwnFolder, card: Mapping[str, Any], config: Any) -> Reading:
    options = card.get("options") or {}
    if card["modality"] == Modality.AUDIO:
        kind = options.get("front_end", "clap")
        return _of_sounds(config, read_front_end(_preprocessor(folder, options), kind, seconds=SECONDS))
    network: Any = outline(config, CONFIG)
    if card["modality"] == Modality.TEXT:
        tokens = int(card["max_tokens"])
        ids = torch.zeros(1, tokens, dtype=torch.long, device="meta")
        run = DryRun.of(network, lambda: network.get_text_features(ids))
        return Reading(f"a text of {tokens} tokens", f"texts of {tokens} tokens", 1, run)
    pixels = pixels_of(PictureFitting.read(_preprocessor(folder, options)), 1)
    if card["runtime"] == PAIR:
        run = DryRun.of(network, lambda: network.get_image_features(pixel_values=pixels))
    else:
        names = Checkpoint.open(folder.directory, options.get("weights", folder.weights())).shapes
        vectors = PictureVectors(network, names)
        run = DryRun.of(vectors, lambda: vectors.features(pixels))
    return Reading("a picture", "pictures", 1, run)


def _of_sounds(config: Any, front_end: FrontEnd) -> Reading:
    network, inputs = outlined(config, CONFIG, front_end, samples=front_end.longest)
    seconds = front_end.longest / front_end.rate
    run = DryRun.of(network, lambda: network(*inputs))
    return Reading(f"a window of {seconds:.4g} s", "seconds of sound", seconds, run)


def _preprocessor(folder: OwnFolder, options: Mapping[str, Any]) -> Path:
    return own_file(folder.directory, options.get("preprocessor", PREPROCESSORS[0]), largest=LARGEST_JSON)
