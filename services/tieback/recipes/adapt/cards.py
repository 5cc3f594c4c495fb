"""Cards that recipes write for what they made: whole or not at all, and readable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.errors import AlreadyExists

LINE = 100


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
