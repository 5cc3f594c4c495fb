"""A folder of a dual encoder: a text tower, and one of pictures or of sounds, in one space."""

from __future__ import annotations

from typing import Any

from tieback_contract.modality import Modality

from tieback.recipes.export.audio_transformer import describe
from tieback.recipes.export.dual_encoder import SECOND, is_pair, read_pair, second_tower, tokens_of
from tieback.recipes.own.audio_encoder import report_front_end
from tieback.recipes.own.folder import CONFIG, TOKENIZER, OwnFolder
from tieback.recipes.own.image_encoder import report_fitting


def is_dual_encoder(folder: OwnFolder) -> bool:
    """Tell whether the class of its configuration gives vectors of texts, and of pictures or sounds."""
    return is_pair(folder.config.get("model_type"))


def dual_encoder_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card for texts and one for pictures or sounds, which share a space."""
    weights, found = folder.weights(), folder.found
    config = read_pair(folder.directory, CONFIG)
    modality = second_tower(config)
    text, second = config.text_config, getattr(config, SECOND[modality])
    width = int(getattr(config, "projection_dim", None) or second.hidden_size)
    seen = "sounds" if modality is Modality.AUDIO else "pictures"
    tokens = tokens_of(text)
    found.facts |= {
        "kind": "dual encoder's folder",
        "architecture": f"{config.model_type}: text, {text.num_hidden_layers} layers of width "
        f"{text.hidden_size}; {seen}, {second.num_hidden_layers} layers of width {second.hidden_size}",
        "width": f"{width}, one space for both towers",
        "pooling": "by the towers",
        "weights": folder.sized(weights),
    }
    if modality is Modality.AUDIO:
        front_end, names = report_front_end(folder, "clap")
        if front_end is not None:
            describe(config, CONFIG, front_end)
    else:
        _, names = report_fitting(folder)
    folder.report_tokenizer(TOKENIZER, tokens)
    shared = {"runtime": "dual_encoder", "width": width, "kinds": ["dense"], "shares": folder.name}
    if options := folder.weights_option | names:
        shared |= {"options": options}
    return [
        {"name": f"{folder.name}-text", "modality": "text", "max_tokens": tokens} | shared,
        {"name": f"{folder.name}-{modality}", "modality": str(modality)} | shared,
    ]
