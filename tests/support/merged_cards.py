"""Cards of a base, of two experts, and of what is merged of them, all small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import load_file, save_file
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull

from support.own_encoder import TEXTS, WIDTH, Silent, encodings, write_folder
from support.present import present


def write_cards(folder: Path) -> Path:
    """A folder with the cards of a base and two experts, whose weights lie beside them."""
    folder.mkdir()
    start: dict[str, np.ndarray[Any, Any]] = {}
    for number, name in enumerate(("base", "owls", "wrens")):
        weights = write_folder(folder / name) / "model.safetensors"
        draw = np.random.default_rng(number)
        moved = {
            key: np.asarray(array + 0.1 * draw.standard_normal(array.shape), array.dtype)
            for key, array in (start or load_file(weights)).items()
        }
        save_file(moved, weights)
        start = start or moved
        write_card(folder, name)
    return folder


def write_card(folder: Path, name: str, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "name": name,
        "role": "encoder",
        "runtime": "transformer_text",
        "description": "mine",
        "license": "MIT",
        "upstream": "me",
        "modality": "text",
        "width": WIDTH,
        "kinds": ["dense", "multi_vector"],
        "max_tokens": 16,
        "pooling": {"name": "mean"},
        **({} if "merge" in changes else {"directory": name}),
        **changes,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(fields))


def merged(folder: Path, method: str = "linear", **changes: Any) -> EncoderCard:
    """The card "both", merged of the experts."""
    merge = {"method": method, "base": "base", "experts": ["owls", "wrens"]} | changes.pop("merge", {})
    write_card(folder, "both", merge=merge, **changes)
    card = Catalog.load(folder).get("both")
    assert isinstance(card, EncoderCard)
    return card


def pulled(card: EncoderCard, tmp_path: Path) -> tuple[Store, list[str]]:
    store, silent = Store(tmp_path / "store"), Silent()
    assert pull([card], [card], store, silent) == []
    return store, silent.heard


def vectors(card: EncoderCard, store: Store) -> np.ndarray[Any, Any]:
    return np.stack([present(one.dense) for one in encodings(load_encoder(card, store), TEXTS)])
