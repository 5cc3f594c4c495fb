"""Three small text spaces in a store, bound into one, as a platform serves them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import save_file
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.methods.imputation import fit
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import BoundImputation, BoundProjection, JointSpaceArtifact, SpaceBlock
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_contract.modality import Modality
from tokenizers import Tokenizer, models, pre_tokenizers

from support.own_encoder import Silent

WIDTH = 16
LAND, SEA, SKY = "land", "sea", "sky"
WORDS = ["[UNK]", *(f"{kind}{number}" for kind in ("cat", "boat", "bird", "tree") for number in range(50))]


@dataclass(frozen=True)
class WordSpaces:
    """The cards' folder, the store, and the binding that is in it."""

    cards: Path
    store: Path
    bound: JointSpaceArtifact

    def settings(self, folder: Path, **further: Any) -> Settings:
        """Of a platform that serves nothing else."""
        return Settings(
            cards=self.cards, models=self.store, spaces=",".join((LAND, SEA, SKY)), precision="float32",
            binding=self.bound.revision, generator="none", store=folder, port=0, metrics_port=0,
            drain_seconds=1, **further,
        )  # fmt: skip


def word_spaces(folder: Path) -> WordSpaces:
    """Each space is linear in what the words mean, so that one can stand in for another."""
    meanings = np.random.default_rng(0).normal(size=(len(WORDS), 8))
    tables = {
        name: unit_rows((meanings @ np.random.default_rng(seed).normal(size=(8, WIDTH))).astype(np.float32))
        for seed, name in enumerate((LAND, SEA, SKY))
    }
    cards = [_card(folder, name, table) for name, table in tables.items()]
    store = Store(folder / "store")
    assert pull(cards, cards, store, Silent()) == []
    rows = [table[1:] for table in tables.values()]
    bound = JointSpaceArtifact(
        tuple(SpaceBlock(card.space, Modality.TEXT, WIDTH) for card in cards),
        tuple(BoundProjection(card.space, WIDTH, card.name) for card in cards),
        losses={"text": {SEA: 2.0}},
        imputations=(
            BoundImputation("ridge", {}, fit("ridge", rows), {"text": {SEA: 2.0}}),
            BoundImputation("skip", losses={"text": {SEA: 9.0}}),
        ),
    )
    bound.save(store.bound)
    return WordSpaces(folder, store.root, bound)


def _card(folder: Path, name: str, table: np.ndarray) -> EncoderCard:
    (folder / name).mkdir(parents=True)
    save_file({"table": table}, folder / name / "table.safetensors")
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / name / "tokenizer.json"))
    path = folder / f"{name}.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "name": name, "role": "encoder", "description": "Words.", "license": "MIT", "upstream": "me",
                "directory": name, "runtime": "static_text", "modality": "text", "width": WIDTH,
                "kinds": ["dense"], "joint": "component",
                "options": {"weights": "table.safetensors", "tensor": "table"},
            }
        )
    )  # fmt: skip
    card = read_card(path)
    assert isinstance(card, EncoderCard)
    return card
