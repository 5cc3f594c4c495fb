"""Cards that recipes write for what they made: whole or not at all, and readable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tieback.artifacts import Artifact
from tieback.catalog.card import Card, EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.errors import AlreadyExists, InvalidInput

LINE = 100
TAKEN = {
    "runtime",
    "modality",
    "width",
    "max_tokens",
    "pooling",
    "options",
    "precision",
    "precisions",
    "upstream",
}
"""Fields that a merged card has of its base."""


def write_card(path: Path, fields: Mapping[str, Any]) -> Path:
    """Writes the card's file, once it was read as one, and returns it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(
        yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True, width=LINE), encoding="utf-8"
    )
    read_card(partial)
    return partial.replace(path)


def base_of(artifact: Artifact, cards: Mapping[str, EncoderCard]) -> EncoderCard:
    """The encoder that an artifact was made for. OtherWeights where it is not among the cards."""
    artifact.check_weights([card.space for card in cards.values()])
    return next(card for card in cards.values() if card.space in artifact.made_for)


def places(
    artifact: Artifact, name: str, output: Path, *, is_ours: Callable[[Any], bool]
) -> tuple[Path, Path]:
    """The file of a model's card in `output`, and the folder of its weights, which is made.

    AlreadyExists where the file is there and holds a card that is not `is_ours`: it is not written over.
    """
    path = output / f"{name}.yaml"
    if path.exists() and not is_ours(read_card(path)):
        raise AlreadyExists(
            "card", path.name, f"{path} is there, and no training wrote it; name another folder: --output DIR"
        )
    folder = output / f"{name}-{artifact.revision}"
    folder.mkdir(parents=True, exist_ok=True)
    return path, folder


def experts_of(recipe: Mapping[str, Any]) -> list[str]:
    """The experts that a card's recipe of merging names, models before folders."""
    return [*recipe.get("experts", ()), *recipe.get("folders", ())]


def merged_fields(name: str, recipe: Mapping[str, Any], parents: Sequence[Card]) -> dict[str, Any]:
    """A card that is merged of others by a recipe, the base first. InvalidInput where that is no encoder."""
    base = parents[0]
    if not isinstance(base, EncoderCard):
        raise InvalidInput(f"{base.name} is no encoder", field="base")
    fields = base.model_dump(mode="json", include=TAKEN, exclude_defaults=True)
    fields["options"] = base.options.model_dump(mode="json", exclude_defaults=True, exclude={"runtime"})
    for precision in fields.get("precisions", {}).values():
        precision.pop("drift", None)  # it was measured with other weights
    return {
        "name": name,
        "role": "encoder",
        "description": f"{', '.join(experts_of(recipe))}, merged by {recipe['method']}.",
        "license": " AND ".join(sorted({card.license for card in parents})),
        **fields,
        "kinds": sorted(kind.value for kind in base.kinds),
        "merge": dict(recipe),
    }
