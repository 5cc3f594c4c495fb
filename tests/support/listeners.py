"""Listeners and the records that they like, as categorical features: what a space of features learns from.

A listener has a tribe and a town, a record one or two genres and a label. A tribe likes two genres, wherever
it lives and whoever published them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome, train

from support.own_encoder import Silent

TRIBES = {"mods": ("soul", "ska"), "goths": ("wave", "industrial"), "ravers": ("techno", "house")}
QUICK: dict[str, Any] = {"size": 500, "width": 8, "vector": 16, "steps": 300, "batch": 64, "patience": 0}


def pairs(count: int) -> list[dict[str, Any]]:
    """A listener and a record that this listener likes, so many times."""
    draw = np.random.default_rng(0)
    made = []
    for _ in range(count):
        tribe = str(draw.choice(list(TRIBES)))
        genres = TRIBES[tribe] if draw.random() < 0.3 else [str(draw.choice(TRIBES[tribe]))]
        town, label = draw.integers([40, 60]).tolist()
        made.append(
            {
                "features": {"tribe": tribe, "town": f"t{town}"},
                "same": {"genre": list(genres), "label": f"l{label}"},
            }
        )
    return made


def learn(folder: Path, lines: list[Any], **parameters: Any) -> TrainingOutcome:
    """Trains the space `records` in `folder`, from pairs as lines of JSON."""
    folder.mkdir(exist_ok=True)
    (folder / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return train(
        "feature_pairs", QUICK | {"space": "records"} | parameters, cards=[], store=Store(folder / "store"),
        data=[folder / "pairs.jsonl"], output=folder / "cards", say=lambda _: None,
    )  # fmt: skip


def pulled(outcome: TrainingOutcome, store: Store) -> EncoderCard:
    """The card of what was learned, exported into the store."""
    assert outcome.card is not None
    card = read_card(outcome.card)
    assert isinstance(card, EncoderCard)
    assert pull([card], [card], store, Silent()) == []
    return card
