"""A small world for recipes that teach a language model to read soft tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome, train

from support import small_language_model
from support.own_encoder import Silent, card_for, write_folder

WORDS = ["owl", "wren", "flies", "at", "night"]


class World:
    """A small encoder and a small language model in a store, and questions about birds."""

    def __init__(self, folder: Path) -> None:
        write_folder(folder / "own")
        self.folder, self.store = folder, Store(folder / "store")
        self.encoder: EncoderCard = card_for(folder / "own")
        assert pull([self.encoder], [self.encoder], self.store, Silent()) == []
        self.model: GeneratorCard = small_language_model.build(folder / "small", self.store)
        draw = np.random.default_rng(0)
        rows = []
        for number in range(130):
            said = " ".join(draw.choice(WORDS, int(draw.integers(5, 9))))
            rows.append(
                {
                    "question": f"when flies owl {number}", "passage": f"{said}. wren flies at night.",
                    "answerable": True, "answers": ["night"], "source": "birds",
                }
            )  # fmt: skip
        self.data = folder / "questions.jsonl"
        self.data.write_text("".join(f"{json.dumps(one)}\n" for one in rows))

    def train(
        self,
        recipe: str,
        output: str,
        say: Callable[[str], None] = lambda _: None,
        **parameters: Any,
    ) -> TrainingOutcome:
        return train(
            recipe, parameters, cards=[self.encoder], generators=[self.model], store=self.store,
            data=[self.data], output=self.folder / output, say=say,
        )  # fmt: skip
