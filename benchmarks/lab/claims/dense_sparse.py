"""Method 34: the words that a model predicts for a text are a sparse view of it, which adds to its vector
(RetroMAE-2 or DupMAE, arXiv:2305.02564), with a backbone that stays as it is.

`tieback train dense_sparse` learns the head that predicts words by the loss of the bag of words, from pairs
of sentences that follow from each other, and chooses by validation pairs how much the sparse view counts.
Then the judged collections of the data folder, of which nothing was learned, are searched: by MiniLM's
vector, by the sum of both views, and by the one vector that a collection keeps of both. Without the loss of
the bag of words, the gain should be gone: the same head, which has not learned, counts as much there.

Texts are cut to 64 tokens, for a text's words are predicted at each token from the whole vocabulary. The
paper pre-trains its model for both views, and fine-tunes it by judged queries; `--topics duplex` does the
first at a small scale.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.train import train
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_lab.recipes.adapt import layer_states
from tieback_lab.recipes.adapt.layer_states import LayerStates
from tieback_lab.recipes.train import word_head as heads
from torch.nn.functional import normalize

from benchmarks.lab.claims import by_seed, claim
from benchmarks.lab.claims._frozen import ENCODER, data_folder
from benchmarks.measures import ndcg
from benchmarks.pipeline.collections import read
from benchmarks.pipeline.judged import Judged
from benchmarks.report import Report, Tried

METHOD = "34 dense and sparse views (arXiv:2305.02564)"
OF = Tried(34, "paper", product=True, data="real")
TOKENS, PAIRS, STEPS, TARGET = 64, 600, 150, 2.0
MOST = 4000
"""Documents of a collection at most; larger ones are left out."""
DENSE, BOTH, KEPT, UNTRAINED = "dense", "both", "both in one vector", "both, head not trained"


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims what the sparse view adds to nDCG@10, and that the loss of the bag of words makes the gain."""
    data, store = data_folder(), Store()
    card = next(card for card in Catalog.load().encoders() if card.name == ENCODER)
    judged = [
        one
        for one in read(data)
        if one.modalities == {"text"}
        and len(one.documents) <= MOST
        and all(question.words for question in one.answerable)  # photos ask too, and have no words
    ]

    def one(seed: int) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            learned = train(
                "dense_sparse", {"pairs": PAIRS, "steps": STEPS, "seed": seed}, cards=[card], store=store,
                data=[data / "nli" / "train.jsonl"], output=Path(folder), say=say,
            )  # fmt: skip
        rows: dict[str, float] = {}
        for collection in judged:
            for way, value in searched(collection, card, store, learned.artifact, seed, say).items():
                rows[f"{collection.name}: {way}"] = value
        return rows

    rows = by_seed(report, f"{METHOD}: nDCG@10 in points, texts of {TOKENS} tokens at most", seeds, one, say)
    for way, called, target in (
        (BOTH, "the sum of both views", f">= {TARGET:g}"),
        (KEPT, "both views in one vector", f">= {TARGET:g}"),
        (UNTRAINED, "the sum without the loss of the bag of words", "<= 0"),
    ):
        gains = [
            float(np.mean([row[f"{one.name}: {way}"] - row[f"{one.name}: {DENSE}"] for one in judged]))
            for row in rows
        ]
        of = ", ".join(one.name for one in judged)
        name = f"{METHOD}: nDCG@10 of {of}, {called} minus the dense one"
        claim(report, OF, name, gains, "points", target)


def searched(
    judged: Judged,
    card: EncoderCard,
    store: Store,
    artifact: Artifact,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, float]:
    """nDCG@10 in points, by what is compared."""
    texts = [one.text for one in judged.documents]
    questions = judged.answerable
    states = states_of([*texts, *(one.words for one in questions)], card, store, judged.name, say)
    backbone = layer_states.backbone_of(card, store, field=at("space"))
    counts = np.asarray(artifact.arrays["counts"]).astype(np.float64)
    words = heads.Words(layer_states.word_embeddings(backbone), counts)
    facts = artifact.facts
    weight = facts["weight"]
    torch.manual_seed(seed)
    untrained = heads.WordHead(words.table.shape[1], len(words.table)).eval()
    learned = heads.WordHead.with_arrays(
        {name: one for name, one in artifact.arrays.items() if name in untrained.state_dict()}
    )
    everything = np.arange(len(states))
    dense = vectors(states)
    scores = {DENSE: product(dense, dense, len(texts))}
    for way, head in ((BOTH, learned), (UNTRAINED, untrained)):
        say(f"{judged.name}: the words of {len(states)} texts")
        numbers, weights = heads.heaviest(head, states, everything, words, facts["terms"])
        sparse = heads.scattered(numbers, weights, len(words.table))
        scores[way] = scores[DENSE] + weight * product(sparse, sparse, len(texts))
        if way == BOTH:
            sketch = heads.sketched(
                torch.from_numpy(weights),
                torch.from_numpy(numbers),
                torch.from_numpy(np.array(artifact.arrays["buckets"])),
                torch.from_numpy(np.array(artifact.arrays["signs"])),
                facts["sketch"],
            ).numpy()
            scores[KEPT] = scores[DENSE] + weight * product(sketch, sketch, len(texts))
    places = {one.id: place for place, one in enumerate(judged.documents)}
    gains: list[Mapping[int, float]] = [
        {places[name]: 2.0**grade - 1 for name, grade in one.grades.items() if name in places}
        for one in questions
    ]
    return {
        way: 100 * float(np.mean([ndcg(row, gain) for row, gain in zip(found, gains, strict=True) if gain]))
        for way, found in scores.items()
    }


def states_of(
    texts: Sequence[str], card: EncoderCard, store: Store, name: str, say: Callable[[str], None]
) -> LayerStates:
    """The last layer's states, computed once and kept in the model store."""

    def make() -> dict[str, Array]:
        say(f"{name}: the states of {len(texts)} texts")
        backbone = layer_states.backbone_of(card, store, field=at("space"))
        ids = layer_states.token_numbers(card, store, texts, TOKENS)
        found = layer_states.read_states(backbone, ids, lambda states, sizes: ([states[-1]], sizes))
        return {"flat": found.flat, "lengths": found.lengths}

    inputs = {"space": str(card.space), "texts": list(texts), "tokens": TOKENS}
    steps = StepCache(store.steps)
    return LayerStates(**steps.arrays(f"last layer for {name}", layer_states.read_states, inputs, make))


def vectors(states: LayerStates) -> Array:
    """The dense views `[n, width]`: the mean of the states, of length 1."""
    rows = []
    for begin in range(0, len(states), 128):
        (last,), sizes = states.of(np.arange(begin, min(begin + 128, len(states))))
        rows.append(normalize((last * sizes[..., None]).sum(dim=1), dim=1).numpy())
    return np.concatenate(rows)


def product(left: Array, right: Array, documents: int) -> Array:
    """The products `[questions, documents]`, of rows of which the first `documents` are theirs."""
    return np.asarray(left[documents:] @ right[:documents].T)
