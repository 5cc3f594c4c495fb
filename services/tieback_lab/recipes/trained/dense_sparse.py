"""A dense and a sparse view of a text from one run of an encoder: its vector, and the words that it predicts.

RetroMAE-2 (DupMAE; Xiao et al., 2023, arXiv:2305.02564) pre-trains a model so that the states of ordinary
tokens predict which words a text has, by the largest logit over the tokens for each word. The heaviest of
these words are a sparse view, and what a query and a text have in common is the sum of both views' products.
The paper pre-trains the whole model, on millions of passages. Here the backbone stays as it is, and so does
its vector; learned is a head of one layer in front of the backbone's own word embeddings, by the loss of the
bag of words: each text's words against others, rare ones counting for more.

The result is an encoder of its own, named by the backbone, with the kinds `dense` and `sparse`. Its dense
vector has the backbone's at the front, which is offered as a width, and behind it the sparse view, folded
into `sketch` numbers by hashes: their products are those of the sparse views, nearly. So a collection in its
space is searched by the sum of both. How much the sparse view counts is chosen on validation pairs.

Data are pairs of texts, as for `layer_pooling`. The report says on held-out pairs what the sparse view adds,
and what it adds before training: **read it before you serve the result**. No weights come with the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput, NotFound
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.text_pairs import pair_files, read_text_pairs
from tieback.training.digests import digest
from tieback.training.splits import Split, split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.recipes.adapt.dense_sparse import DENSE_SPARSE, adapt

MAKES = "an encoder of texts with a dense and a sparse view"

FEWEST_PAIRS = 50
WEIGHTS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""How much the sparse view may count beside the dense one."""


@recipes.method
def dense_sparse(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    pairs: Annotated[int, Field(ge=FEWEST_PAIRS)] = 2000,
    tokens: Annotated[int, Field(ge=4)] = 64,
    terms: Annotated[int, Field(ge=1, le=1024)] = 64,
    sketch: Annotated[int, Field(ge=8, le=8192, multiple_of=8)] = 1024,
    steps: Annotated[int, Field(ge=0)] = 300,
    batch: Annotated[int, Field(ge=2)] = 32,
    negatives: Annotated[int, Field(ge=1)] = 1500,
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3,
    patience: Annotated[int, Field(ge=0)] = 3,
    seed: int = 0,
) -> Learned:
    """The head that predicts words from the states of the encoder of `space`, learned from texts of pairs.

    `terms` words of a text are its sparse view. While the head learns, texts are cut to `tokens`, a step sees
    `batch` texts, and `negatives` drawn words stand for the rest of the vocabulary. Training ends early where
    `patience` validations in a row were not better than the best; 0 never ends it early.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.adapt import layer_states
    from tieback_lab.recipes.train import word_head as heads

    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    card = run.cards[space]
    if card.pooling is None or card.pooling.name != "mean":
        raise InvalidInput(
            f"{space} is not pooled by the mean of its tokens (pooling: mean), as the dense view is",
            field=at("parameters", "space"),
        )
    backbone = layer_states.backbone_of(card, run.store, field=at("parameters", "space"))
    files = pair_files(run.data)
    texts = read_text_pairs(files, most=pairs, fewest=FEWEST_PAIRS, seed=seed)
    count = len(texts)
    sides = [left for left, _ in texts] + [right for _, right in texts]
    ids = layer_states.token_numbers(card, run.store, sides, tokens)
    table = layer_states.word_embeddings(backbone)
    words = heads.Words.of(table, ids, layer_states.no_words(card, run.store, len(table)))
    terms = min(terms, int((words.rarity > 0).sum()))
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "pairs": texts, "tokens": tokens,
    }  # fmt: skip

    def read() -> dict[str, Array]:
        run.say(f"computing the states of {card.name} for {len(sides)} texts")
        found = layer_states.read_states(backbone, ids, lambda states, sizes: ([states[-1]], sizes))
        return {"flat": found.flat, "lengths": found.lengths}

    states = layer_states.LayerStates(
        **run.steps.arrays(f"last layer of {card.name}", layer_states.read_states, inputs, read)
    )
    parts = split(count, seed)
    pairs_of = (parts.training, parts.validation, parts.held_out)
    both = Split(*(np.concatenate([one, count + one]) for one in pairs_of))
    plan = Plan(steps, learning_rate, weight_decay=0.0, look_every=50, patience=patience, seed=seed)
    settings = {"plan": repr(plan), "batch": batch, "negatives": negatives}

    def make() -> dict[str, Array]:
        run.say(f"learning the words of {len(both.training)} texts")
        after, before, history = heads.learned(
            *(states, ids, words, both, plan),
            run.attempt(f"words-{card.name}", digest(inputs, settings), every=plan.look_every),
            texts=batch,
            negatives=negatives,
        )
        found = {"after": after, "before": before}
        return {
            **{f"{when}.{name}": one for when, own in found.items() for name, one in own.items()},
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays(f"words of {card.name}", heads.learned, inputs | settings, make)
    draw = np.random.default_rng(seed)
    hashes: dict[str, Array] = {
        "buckets": draw.integers(0, sketch, len(words.table)),
        "signs": draw.choice([-1.0, 1.0], len(words.table)).astype(np.float32),
    }
    measured = _Measured(heads, states, words, hashes, terms, sketch, count)
    head = _under(step, "after.")
    weight = measured.best_weight(head, parts.validation)
    found = measured.found(head, _under(step, "before."), parts.held_out, weight)
    return Learned(
        DENSE_SPARSE,
        {**head, **hashes, "counts": (words.rarity > 0)},
        (card.space,),
        files,
        facts={
            "terms": terms,
            "sketch": sketch,
            "weight": weight,
            "width": int(states.flat.shape[-1]),
            "vocabulary": len(words.table),
        },
        metrics={"pairs": {"training": len(parts.training), "held_out": len(parts.held_out)}, "found": found},
        report={
            f"Texts of {len(parts.held_out)} held-out pairs, looked for by their partners (the sparse view "
            f"counts {weight:g})": [{"vectors": way, **own} for way, own in found.items()],
            "Training": [{"step": int(place), "loss": value} for place, value in step["losses"]],
        },
        adapt=adapt,
    )


class _Measured:
    """How well the partners of pairs find each other by the views of a head."""

    def __init__(
        self,
        heads: Any,
        states: Any,
        words: Any,
        hashes: Mapping[str, Array],
        terms: int,
        sketch: int,
        count: int,
    ) -> None:
        self._heads, self._states, self._words = heads, states, words
        self._hashes, self._terms, self._sketch, self._count = hashes, terms, sketch, count

    def best_weight(self, head: Mapping[str, Array], pairs: Array) -> float:
        """How much the sparse view counts where most partners are found; of equals the least."""
        left, right = self._views(head, pairs)
        scores = {
            weight: (1 / self._heads.places_of_partners(left[:2], right[:2], weight)).mean()
            for weight in WEIGHTS
        }
        return max(WEIGHTS, key=lambda weight: (scores[weight], -weight))

    def found(
        self, head: Mapping[str, Array], before: Mapping[str, Array], pairs: Array, weight: float
    ) -> dict[str, dict[str, float]]:
        """By the views that are compared, how many partners are found first, and their reciprocal ranks."""
        left, right = self._views(head, pairs)
        untrained = self._views(before, pairs)
        places = {
            "dense": self._heads.places_of_partners(left[:2], right[:2], 0.0),
            "sparse": self._heads.places_of_partners(left[:2], right[:2], 1e6),
            "dense and sparse": self._heads.places_of_partners(left[:2], right[:2], weight),
            "as a collection compares them": self._heads.places_of_partners(left[::2], right[::2], weight),
            "dense and sparse before training": self._heads.places_of_partners(
                untrained[0][:2], untrained[1][:2], weight
            ),
        }
        return {
            way: {
                "recall_at_1": round(float((own == 1).mean()), 4),
                "reciprocal_rank": round(float((1 / own).mean()), 4),
            }
            for way, own in places.items()
        }

    def _views(self, arrays: Mapping[str, Array], pairs: Array) -> list[tuple[Array, Array, Array]]:
        """Of each side the dense views, the sparse ones, and their sketches."""
        import torch

        head, found = self._heads.WordHead.with_arrays(arrays), []
        for places in (pairs, self._count + pairs):
            numbers, weights = self._heads.heaviest(head, self._states, places, self._words, self._terms)
            sketches = self._heads.sketched(
                torch.from_numpy(weights),
                torch.from_numpy(numbers),
                *(torch.from_numpy(self._hashes[name]) for name in ("buckets", "signs")),
                self._sketch,
            )
            (last,), sizes = self._states.of(places)
            dense = torch.nn.functional.normalize((last * sizes[..., None]).sum(dim=1), dim=1)
            sparse = self._heads.scattered(numbers, weights, len(self._words.table))
            found.append((dense.numpy(), sparse, sketches.numpy()))
        return found


def _under(step: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): one for name, one in step.items() if name.startswith(prefix)}
