"""Method 52: demonstrations as virtual tokens of their texts' length (AIM, arXiv:2406.07588).

A language model of two layers learns a toy language and is then frozen. A demonstration is a picture, a row
of patches of one kind of thing among patches of no kind, and a text of one token, a name. What a kind is
called is drawn anew for each row of demonstrations, so nothing but these tells it: behind them stands one
more picture, and the model says what it is called. AIM reads each demonstration by itself, up to the first
layer, and makes a virtual token of the state of its text; the projection is the served one, trained as
`tieback train aim` does. Shuffled virtual tokens are those of another row of demonstrations; the texts alone
are as long as these, and tell the names, but not of what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from tieback.core.types.arrays import Array
from tieback.methods.context_compression import aim
from tieback.recipes.trained import _soft_reading
from tieback.recipes.trained._soft_reading import Bridge, Choices, FrozenReader, Reading
from tieback.training.loop import Plan

from benchmarks.claims import by_seed, claim
from benchmarks.claims._toy_language_model import BEGIN, WIDTH, language_model, learn_language, right
from benchmarks.report import Report

METHOD = "52 (arXiv:2406.07588)"
KINDS, PATCHES_OF_KIND, NOISE, NAMES = 8, 2, 4, 12
PATCHES, OF_KIND = 10, 0.7
"""Patches of a picture, and the share of them that are of its kind."""
NAME = 1
PATCH = NAME + NAMES
VOCABULARY = PATCH + KINDS * PATCHES_OF_KIND + NOISE
DEMONSTRATIONS, ASKED = 4, 4
TEXT = 1
"""Tokens of a demonstration's text."""
ROWS, TESTED = 1200, 300
LANGUAGE = {"steps": 2500, "batch": 16, "rate": 3e-3}
STEPS, BATCH, RATE = 600, 32, 3e-3
LAYER = 1
FULL, VIRTUAL, SHUFFLED = "pictures and texts", "virtual tokens", "shuffled virtual tokens"
TEXTS, NOTHING = "texts alone", "nothing"


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims how much of what demonstrations tell is read of their virtual tokens, and how few these are."""
    rows = by_seed(report, f"{METHOD}: right names by what is read, share", seeds, measured, say)
    claim(
        report,
        f"{METHOD}: right names by virtual tokens of {DEMONSTRATIONS} demonstrations, as a share of those by "
        "pictures and texts",
        [row[VIRTUAL] / row[FULL] for row in rows], "", ">= 0.9",
        note=f"{np.mean([row[VIRTUAL] for row in rows]):.2f} by virtual tokens",
    )  # fmt: skip
    for other in (SHUFFLED, TEXTS):
        claim(
            report, f"{METHOD}: right names by virtual tokens, minus those by {other}",
            [row[VIRTUAL] - row[other] for row in rows], "", "> 0",
            note=f"{np.mean([row[other] for row in rows]):.2f} by {other}",
        )  # fmt: skip
    claim(
        report, f"{METHOD}: tokens of demonstrations, as a multiple of their virtual tokens",
        [(PATCHES + TEXT) / TEXT], "", ">= 10", note="pictures and texts against texts",
    )  # fmt: skip


def measured(seed: int) -> dict[str, float]:
    """The share of pictures that are called by their right name, by what the model reads before them."""
    model = language_model(VOCABULARY, seed)
    learn_language(
        model, sample, Plan(LANGUAGE["steps"], LANGUAGE["rate"], look_every=LANGUAGE["steps"], seed=seed)
    )
    reader = FrozenReader(model, [BEGIN])
    draw = np.random.default_rng(seed + 1)
    made = [_row(draw, DEMONSTRATIONS, 1) for _ in range(ROWS + TESTED)]
    readings = [Reading(_states(model, shown), asked[0][:-1], [asked[0][-1]]) for shown, asked in made]
    texts = [token for shown, _ in made[:ROWS] for one in shown for token in one[PATCHES:]]
    states = np.concatenate([one.vectors for one in readings[:ROWS]])
    bridge = Bridge(aim.start(states, reader.embeddings[texts].numpy()), aim.projected)
    _soft_reading.learn_reading(
        reader, bridge, readings[:ROWS], [], Choices(BATCH, teacher=0.0),
        Plan(STEPS, RATE, weight_decay=0.0, look_every=STEPS, seed=seed),
        checkpoint=None, trained_on="", progress=lambda *_: None,
    )  # fmt: skip
    last, shown = readings[ROWS:], [one for one, _ in made[ROWS:]]
    none = [replace(one, vectors=one.vectors[:0]) for one in last]

    def behind(begin: int) -> list[Reading]:
        """The demonstrations as tokens, from that place of each on."""
        return [
            replace(bare, question=[*(token for part in row for token in part[begin:]), *bare.question])
            for bare, row in zip(none, shown, strict=True)
        ]

    shuffled = [
        replace(one, vectors=other.vectors) for one, other in zip(last, [*last[1:], last[0]], strict=True)
    ]
    ways = {FULL: behind(0), VIRTUAL: last, SHUFFLED: shuffled, TEXTS: behind(PATCHES), NOTHING: none}
    return {name: right(reader, rows, bridge) for name, rows in ways.items()}


def sample(draw: np.random.Generator) -> tuple[Array, Array]:
    """Rows of demonstrations and of pictures that they name, whose names are to be predicted."""
    texts, length = [], PATCHES + TEXT
    for _ in range(int(LANGUAGE["batch"])):
        shown, asked = _row(draw, DEMONSTRATIONS, ASKED)
        texts.append([BEGIN, *(token for one in (*shown, *asked) for token in one)])
    places = np.arange(1 + (DEMONSTRATIONS + ASKED) * length)
    wanted = (places % length == 0) & (places > DEMONSTRATIONS * length)
    return np.array(texts), np.tile(wanted, (len(texts), 1))


def _row(
    draw: np.random.Generator, demonstrations: int, asked: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Demonstrations of different kinds with different names, and more pictures of these with their names."""
    kinds = draw.choice(KINDS, demonstrations, replace=False)
    names = draw.choice(NAMES, demonstrations, replace=False)
    again = draw.integers(demonstrations, size=asked)
    shown = [[*_picture(draw, kind), NAME + name] for kind, name in zip(kinds, names, strict=True)]
    later = [[*_picture(draw, kinds[one]), NAME + names[one]] for one in again]
    return shown, later


def _picture(draw: np.random.Generator, kind: int) -> list[int]:
    own = PATCH + kind * PATCHES_OF_KIND + draw.integers(PATCHES_OF_KIND, size=PATCHES)
    noise = PATCH + KINDS * PATCHES_OF_KIND + draw.integers(NOISE, size=PATCHES)
    return [int(token) for token in np.where(draw.random(PATCHES) < OF_KIND, own, noise)]


@torch.no_grad()
def _states(model: Any, shown: Sequence[Sequence[int]]) -> Array:
    """The states of the texts, each demonstration read by itself, after the first layer and the last norm."""
    tokens = torch.tensor([[BEGIN, *one] for one in shown])
    hidden = model.model(input_ids=tokens, output_hidden_states=True).hidden_states[LAYER]
    found: Array = model.model.norm(hidden[:, -TEXT:]).reshape(-1, WIDTH).numpy()
    return found
