"""A folder of PEFT as a model: the card of its base with the adapter merged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieback.catalog.card import EncoderCard
from tieback.core.errors import NotFound
from tieback.recipes.adapt.cards import merged_fields
from tieback.recipes.graphs.lora_folder import CONFIG, WEIGHTS, read_adapter

METHOD = "linear"
"""Merges one expert: what is served is its weights."""


def is_adapter(directory: Path) -> bool:
    """Tell whether the folder holds an adapter and no model."""
    return (directory / CONFIG).is_file()


def adapter_card(
    directory: Path, name: str, base: str, encoders: Mapping[str, EncoderCard], licence: str
) -> tuple[dict[str, str], list[str], list[dict[str, Any]]]:
    """Facts, what is missing, and the card. StartupError where the folder is damaged or of another kind.

    Without `base` it is the model that the folder names, by the last part of its name, where it is served.
    """
    config, layers, whole = read_adapter(directory)
    named = str(config.get("base_model_name_or_path") or "")
    ranks = sorted({parts["right"].shape[0] for parts in layers.values()})
    kind = "DoRA" if any("lengths" in parts for parts in layers.values()) else "LoRA"
    size = (directory / WEIGHTS).stat().st_size / 1e6
    facts = {
        "kind": f"PEFT folder: {kind} of {named or 'a base that it does not name'}",
        "rank": f"{', '.join(map(str, ranks))}, of {len(layers)} layers"
        + (f"; {len(whole)} tensors whole" if whole else ""),
        "weights": f"{WEIGHTS}, {size:,.1f} MB",
    }
    chosen = base or named.rstrip("/").rpartition("/")[2].lower()
    if chosen not in encoders:
        if base:
            raise NotFound("model", base, encoders)
        return facts, [f"the base: say --base MODEL, one of: {', '.join(sorted(encoders))}"], []
    facts["base"] = chosen
    recipe = {"method": METHOD, "base": chosen, "folders": {name: str(directory.resolve())}}
    card = merged_fields(name, recipe, [encoders[chosen]])
    if licence:
        card["license"] = licence
    return facts, [], [card]
