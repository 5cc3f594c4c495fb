"""A folder of a dual encoder: a text tower and an image tower in one space."""

from __future__ import annotations

from typing import Any

from tieback.recipes.export.dual_encoder import is_pair, read_pair, tokens_of
from tieback.recipes.own.folder import CONFIG, TOKENIZER, OwnFolder
from tieback.recipes.own.image_encoder import report_fitting


def is_dual_encoder(folder: OwnFolder) -> bool:
    """Tell whether the class of its configuration gives vectors of texts and of pictures."""
    return is_pair(folder.config.get("model_type"))


def dual_encoder_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card for texts and one for pictures, which share a space."""
    weights, found = folder.weights(), folder.found
    config = read_pair(folder.directory, CONFIG)
    text, vision = config.text_config, config.vision_config
    width = int(getattr(config, "projection_dim", None) or vision.hidden_size)
    tokens = tokens_of(text)
    found.facts |= {
        "kind": "dual encoder's folder",
        "architecture": f"{config.model_type}: text, {text.num_hidden_layers} layers of width "
        f"{text.hidden_size}; pictures, {vision.num_hidden_layers} layers of width {vision.hidden_size}",
        "width": f"{width}, one space for both towers",
        "pooling": "by the towers",
        "weights": folder.sized(weights),
    }
    _, names = report_fitting(folder)
    folder.report_tokenizer(TOKENIZER, tokens)
    shared = {"runtime": "dual_encoder", "width": width, "kinds": ["dense"], "shares": folder.name}
    if options := folder.weights_option | names:
        shared |= {"options": options}
    return [
        {"name": f"{folder.name}-text", "modality": "text", "max_tokens": tokens} | shared,
        {"name": f"{folder.name}-image", "modality": "image"} | shared,
    ]
