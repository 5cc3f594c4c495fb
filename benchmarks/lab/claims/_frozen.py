"""States of a frozen MiniLM for texts of a class, and classifiers behind a pooling of them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.training.loop import Plan, batch, train
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_lab.methods.layer_pooling import Reads
from tieback_lab.recipes.adapt.layer_states import LayerStates, backbone_of, read_states, token_numbers
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.data_folder import VARIABLE, read_rows

ENCODER = "all-minilm-l6-v2"
TOKENS = 48
"""So many of a text's tokens are read."""
VALIDATION = 0.15
"""The share of the training texts that chooses when a training was best."""
ROWS = 128
"""Texts of a step."""

Pool = Callable[[Sequence[Tensor], Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Texts, and the numbers `[n]` of their classes."""

    texts: tuple[str, ...]
    labels: Array


def data_folder() -> Path:
    """The folder of real texts. Ends the topic where none is named."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise SystemExit(f"name a folder of texts: {VARIABLE}")
    return Path(folder)


def premises(folder: Path) -> Iterator[str]:
    """The premises of the NLI pairs that may be trained on, each once."""
    yield from dict.fromkeys(row["premise"] for row in read_rows(folder / "nli" / "train.jsonl"))


def definitions(folder: Path, topics: Sequence[str], most: int) -> Labelled:
    """Definitions of WordNet (WN18RR) below one of the topics alone, by chains of hypernyms; up to `most` of
    each.
    """
    above = defaultdict[str, set[str]](set)
    for name in ("train", "valid", "test"):
        for line in (folder / "graphs" / "wn18rr" / f"{name}.tsv").read_text().splitlines():
            head, relation, tail = line.split("\t")
            if relation in ("_hypernym", "_instance_hypernym"):
                above[head].add(tail)
    places = {topic: place for place, topic in enumerate(topics)}
    found: dict[int, list[str]] = {place: [] for place in range(len(topics))}
    for line in (folder / "graphs" / "wn18rr" / "texts.tsv").read_text().splitlines():
        synset, _, text = line.split("\t")
        own = {places[one] for one in _ancestors(synset, above) if one in places}
        if len(own) == 1 and len(found[(place := own.pop())]) < most:
            found[place].append(text)
    rows = [(text, place) for place, texts in found.items() for text in texts]
    return Labelled(tuple(text for text, _ in rows), np.array([place for _, place in rows]))


def states_of(texts: Sequence[str], reads: Reads, called: str, say: Callable[[str], None]) -> LayerStates:
    """The states that `reads` leaves, computed once and kept in the model store."""
    store = Store()
    card = next(card for card in Catalog.load().encoders() if card.name == ENCODER)

    def make() -> dict[str, Array]:
        say(f"computing the layers of {ENCODER} for {len(texts)} texts")
        backbone = backbone_of(card, store, field=at("space"))
        found = read_states(backbone, token_numbers(card, store, texts, TOKENS), reads)
        return {"flat": found.flat, "lengths": found.lengths}

    inputs = {"space": str(card.space), "texts": list(texts), "tokens": TOKENS}
    return LayerStates(**StepCache(store.steps).arrays(called, read_states, inputs, make))


class Classifier(torch.nn.Module):
    """A pooling, norms that nothing learns, and a linear layer of so many classes, which begins at zero."""

    def __init__(self, pool: Pool | torch.nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.pool, self.width = pool, width
        self.linear = torch.nn.Linear(width, classes)
        torch.nn.init.zeros_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, states: Sequence[Tensor], sizes: Tensor) -> Tensor:
        """The logits `[batch, classes]` of vectors that are as long as numbers of variance 1 would be."""
        logits: Tensor = self.linear(self.pool(states, sizes) * self.width**0.5)
        return logits


def classified(
    states: LayerStates,
    labels: Array,
    training: Array,
    tested: Array,
    classifier: Classifier,
    plan: Plan,
    kept: Sequence[int] | None = None,
) -> tuple[Array, float]:
    """The `tested` texts `[n]` (bool) that a classifier calls by their class, and its best validation.

    It learns from most of the texts `training`; the rest of those chooses the step. `kept` are the layers
    that it gets, of all.
    """
    targets = torch.from_numpy(labels)
    learned, choosing = (training[part] for part in halves(len(training), VALIDATION, plan.seed))

    def logits(places: Array) -> Tensor:
        found, sizes = states.of(places)
        given: Tensor = classifier(found if kept is None else [found[layer] for layer in kept], sizes)
        return given

    def loss(draw: torch.Generator) -> Tensor:
        places = learned[batch(len(learned), ROWS, draw).numpy()]
        return cross_entropy(logits(places), targets[places])

    def right(places: Array) -> Array:
        with torch.no_grad():
            parts = np.array_split(places, max(1, len(places) // 256))
            found = np.concatenate([logits(part).argmax(dim=1).numpy() for part in parts])
        return np.asarray(found == labels[places])

    history = train(classifier, loss, plan, validate=lambda: float(right(choosing).mean()))
    return right(tested), history.best or 0.0


def halves(count: int, tested: float, seed: int) -> tuple[Array, Array]:
    """Places to train with and to test with."""
    order = np.random.default_rng(seed).permutation(count)
    cut = round(tested * count)
    return np.sort(order[cut:]), np.sort(order[:cut])


def _ancestors(synset: str, above: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting: list[Any] = [synset]
    while waiting:
        for one in above.get(waiting.pop(), ()):
            if one not in found:
                found.add(one)
                waiting.append(one)
    return found
