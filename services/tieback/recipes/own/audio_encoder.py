"""A folder of an encoder of sounds, or of a model with one, of which the encoder is taken."""

from __future__ import annotations

from typing import Any

from tieback.catalog.own_directory import LARGEST_JSON, own_file
from tieback.models.sounds.front_ends import FrontEnd, FrontEndName, Waveform, read_front_end
from tieback.recipes.export.audio_transformer import describe, front_end_of
from tieback.recipes.graphs.backbone import read_config
from tieback.recipes.own.folder import CONFIG, OwnFolder
from tieback.recipes.own.image_encoder import find_preprocessor

SECONDS = 30
"""Of a window, for networks that read sounds of any length."""


def is_audio_encoder(folder: OwnFolder) -> bool:
    """Tell whether there are weights of a class that reads sounds."""
    return folder.find_weights() is not None and front_end_of(folder.config.get("model_type")) is not None


def audio_encoder_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card. StartupError where the parts contradict each other."""
    weights, config = folder.weights(), read_config(folder.directory, CONFIG)
    kind = front_end_of(config.model_type) or "samples"
    folder.found.facts |= {
        "kind": "folder of an encoder of sounds",
        "architecture": str(config.model_type),
        "pooling": "pooler_output" if kind == "fbank" else "mean of the states of the sound",
        "weights": folder.sized(weights),
    }
    card: dict[str, Any] = {"runtime": "audio_transformer", "modality": "audio", "kinds": ["dense"]}
    front_end, names = report_front_end(folder, kind)
    if front_end is not None:
        card["width"] = describe(config, CONFIG, front_end)
        folder.found.facts["width"] = str(card["width"])
    return [card | {"options": {"front_end": kind} | folder.weights_option | names}]


def report_front_end(folder: OwnFolder, kind: FrontEndName) -> tuple[FrontEnd | None, dict[str, Any]]:
    """Adds how sounds are read to the facts; returns their front end, and the card's option for its file."""
    name, names = find_preprocessor(folder, "how sounds are read")
    if name is None:
        return None, {}
    front_end = read_front_end(own_file(folder.directory, name, largest=LARGEST_JSON), kind, seconds=SECONDS)
    seconds = front_end.longest / front_end.rate
    told = [f"{front_end.rate:,} samples a second", f"windows of {seconds:.4g} s"]
    if isinstance(front_end, Waveform) and front_end.normalizes:
        told.append("of mean 0 and variance 1")
    folder.found.facts["sounds"] = ", ".join(told)
    return front_end, names
