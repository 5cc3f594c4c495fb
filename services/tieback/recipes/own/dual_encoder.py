"""A folder of a dual encoder: a text tower and an image tower in one space."""

from __future__ import annotations

from typing import Any

from tieback.catalog.own_directory import LARGEST_JSON, own_file
from tieback.models.pictures.fitting import PictureFitting
from tieback.recipes.graphs.architectures import CLIP, DUAL_ENCODERS
from tieback.recipes.graphs.backbone import read_config
from tieback.recipes.own.folder import CONFIG, TOKENIZER, OwnFolder

PREPROCESSOR = "preprocessor_config.json"


def is_dual_encoder(folder: OwnFolder) -> bool:
    """Tell whether its configuration is that of two towers."""
    return folder.config.get("model_type") in DUAL_ENCODERS


def dual_encoder_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card for texts and one for pictures, which share a space."""
    weights, found = folder.weights(), folder.found
    config = read_config(folder.directory, CONFIG, DUAL_ENCODERS)
    text, vision = config.text_config, config.vision_config
    width = int(config.projection_dim if config.model_type == CLIP else vision.hidden_size)
    tokens = int(text.max_position_embeddings)
    found.facts |= {
        "kind": "dual encoder's folder",
        "architecture": f"{config.model_type}: text, {text.num_hidden_layers} layers of width "
        f"{text.hidden_size}; pictures, {vision.num_hidden_layers} layers of width {vision.hidden_size}",
        "width": f"{width}, one space for both towers",
        "pooling": "by the towers",
        "weights": folder.sized(weights),
    }
    if PREPROCESSOR in folder.files:
        fitting = PictureFitting.read(own_file(folder.directory, PREPROCESSOR, largest=LARGEST_JSON))
        found.facts["pictures"] = f"{fitting.height} × {fitting.width}, {fitting.resampling.name.lower()}"
    else:
        found.missing.append(
            f"{PREPROCESSOR}, which says how pictures are made to fit; it comes from where the weights do"
        )
    folder.report_tokenizer(TOKENIZER, tokens)
    shared = {"runtime": "dual_encoder", "width": width, "kinds": ["dense"], "shares": folder.name}
    if options := folder.weights_option:
        shared |= {"options": options}
    return [
        {"name": f"{folder.name}-text", "modality": "text", "max_tokens": tokens} | shared,
        {"name": f"{folder.name}-image", "modality": "image"} | shared,
    ]
