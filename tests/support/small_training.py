"""A recipe that learns by a small encoder in a folder of its own, and what it made without PyTorch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome, train

from support.own_encoder import Silent, card_for

PAIRED_WORDS = ["owl", "wren", "flies", "at"]


def write_reordered_pairs(path: Path) -> None:
    """Pairs of texts: partners are the same words in another order, behind words that say nothing."""
    draw = np.random.default_rng(0)
    lines = []
    for _ in range(600):
        words = draw.choice(PAIRED_WORDS, draw.integers(3, 8))
        lines.append(f"{' '.join(words)}\tnight night {' '.join(draw.permutation(words))}")
    path.write_text("\n".join(lines))


WITHOUT_PYTORCH = """
import sys
sys.modules["torch"] = None
from tieback.catalog.catalog import read_card
from tieback.core.types.content import Content
from tieback_contract.modality import Modality
from tieback.core.types.encoding import EncodePlan
from tieback_contract.limits import Limits
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from pathlib import Path
model = load_encoder(read_card(Path(sys.argv[1])), Store(Path(sys.argv[2])))
one = model.prepare(Content(Modality.TEXT, sys.argv[3]), EncodePlan(), Limits())
print(*model.run([one], EncodePlan())[0].dense.tolist())
"""


@dataclass(frozen=True)
class SmallTraining:
    """The encoder "own" of `folder`, in a store, and a recipe with parameters that make it quick."""

    folder: Path
    card: EncoderCard
    store: Store
    recipe: str
    quick: Mapping[str, Any]
    data: Path

    @classmethod
    def of(cls, folder: Path, recipe: str, quick: Mapping[str, Any], data: str) -> Self:
        """With the model that is in the folder "own", which is exported."""
        card = card_for(folder / "own")
        store = Store(folder / "store")
        assert pull([card], [card], store, Silent()) == []
        return cls(folder, card, store, recipe, quick, folder / data)

    def train(
        self,
        output: str,
        *,
        data: Path | None = None,
        generators: Sequence[GeneratorCard] = (),
        **parameters: Any,
    ) -> TrainingOutcome:
        return train(
            self.recipe, {**self.quick, **parameters}, cards=[self.card], store=self.store,
            data=[data or self.data], output=self.folder / output, say=lambda _: None,
            generators=generators,
        )  # fmt: skip

    def vector_without_pytorch(self, card: Path | None, text: str) -> np.ndarray:
        """The vector that a process without PyTorch computes by the model of a card's file."""
        words = [sys.executable, "-c", WITHOUT_PYTORCH, str(card), str(self.store.root), text]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return np.array(done.stdout.split(), float)
