"""Method 52: demonstrations as virtual tokens of their texts' length (AIM, arXiv:2406.07588).

A language model of two layers learns a toy language and is then frozen. A demonstration is a picture, a row
of patches of a thing in one of its looks with noise among them, and a text of one token, the thing's name.
Behind demonstrations of different things stands the name of one, as a question, and the model says how it
looked: the pictures tell that, and the texts do not. AIM reads each demonstration by itself, up to the
first layer, and makes a virtual token of the state of its text; the projection is the served one, trained
as `tieback train aim` does, and tested on rows drawn anew. Shuffled virtual tokens are those of another row
of the same things; the texts alone are as long as the virtual tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from tieback.methods.context_compression import aim
from tieback.training.loop import Plan
from tieback_contract.arrays import Array
from tieback_lab.recipes.train import soft_reading
from tieback_lab.recipes.train.soft_reading import Bridge, Choices, FrozenReader, Reading

from benchmarks.claims import by_seed, claim
from benchmarks.claims._toy_language_model import BEGIN, WIDTH, language_model, learn_language, right
from benchmarks.report import Report, Tried

METHOD = "52 (arXiv:2406.07588)"
OF = Tried(52, "toy", product=True, data="generated")
THINGS, LOOKS, NOISE = 6, 8, 4
PATCHES, OF_THING = 10, 0.7
"""Patches of a picture, and the share of them that show the thing; the others are noise."""
ASKS = 1
NAME = ASKS + 1
LOOK = NAME + THINGS
PATCH = LOOK + THINGS * LOOKS
VOCABULARY = PATCH + THINGS * LOOKS + NOISE
DEMONSTRATIONS = 4
TEXT = 1
"""Tokens of a demonstration's text."""
ROWS, TESTED = 800, 300
LANGUAGE_STEPS, LANGUAGE_BATCH, LANGUAGE_RATE = 220, 16, 3e-3
"""Of what the language model learns before it is frozen."""
STEPS, BATCH, RATE = 200, 32, 3e-3
LAYER = 1
FULL, VIRTUAL, SHUFFLED = "pictures and texts", "virtual tokens", "shuffled virtual tokens"
TEXTS, NOTHING = "texts alone", "nothing"


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims how much of what demonstrations tell is read of their virtual tokens."""
    rows = by_seed(report, f"{METHOD}: right answers by what is read, share", seeds, measured, say)
    claim(
        report, OF,
        f"{METHOD}: right answers by virtual tokens of {DEMONSTRATIONS} demonstrations, as a share of "
        "those by pictures and texts",
        [row[VIRTUAL] / row[FULL] for row in rows], "", ">= 0.9",
        note=f"{np.mean([row[VIRTUAL] for row in rows]):.2f} by virtual tokens",
    )  # fmt: skip
    for other in (SHUFFLED, TEXTS):
        claim(
            report, OF, f"{METHOD}: right answers by virtual tokens, minus those by {other}",
            [row[VIRTUAL] - row[other] for row in rows], "", "> 0",
            note=f"{np.mean([row[other] for row in rows]):.2f} by {other}",
        )  # fmt: skip


def measured(seed: int) -> dict[str, float]:
    """The share of things whose look is said rightly, by what the model reads before the question."""
    model = language_model(VOCABULARY, seed)
    learn_language(model, sample, Plan(LANGUAGE_STEPS, LANGUAGE_RATE, look_every=LANGUAGE_STEPS, seed=seed))
    reader = FrozenReader(model, [BEGIN])
    draw = np.random.default_rng(seed + 1)
    made = [_row(draw) for _ in range(ROWS + TESTED)]
    readings = [Reading(_states(model, shown), asked[0][:-1], asked[0][-1:]) for shown, asked in made]
    texts = [token for shown, _ in made[:ROWS] for one in shown for token in one[PATCHES:]]
    states = np.concatenate([one.vectors for one in readings[:ROWS]])
    bridge = Bridge(aim.start(states, reader.embeddings[texts].numpy()), aim.projected)
    soft_reading.learn_reading(
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

    things = [sorted(one[-1] for one in row) for row in shown]
    shuffled = [replace(one, vectors=last[_other(things, place)].vectors) for place, one in enumerate(last)]
    ways = {FULL: behind(0), VIRTUAL: last, SHUFFLED: shuffled, TEXTS: behind(PATCHES), NOTHING: none}
    return {name: right(reader, rows, bridge) for name, rows in ways.items()}


def sample(draw: np.random.Generator) -> tuple[Array, Array]:
    """Rows of demonstrations and of questions about each, whose answers are to be predicted."""
    texts, questions = [], [ASKS, NAME, LOOK]
    for _ in range(LANGUAGE_BATCH):
        shown, asked = _row(draw)
        texts.append([BEGIN, *(token for one in (*shown, *asked) for token in one)])
    begin = 1 + DEMONSTRATIONS * (PATCHES + TEXT)
    places = np.arange(begin + DEMONSTRATIONS * len(questions))
    wanted = (places >= begin) & ((places - begin) % len(questions) == len(questions) - 1)
    return np.array(texts), np.tile(wanted, (len(texts), 1))


def _row(draw: np.random.Generator) -> tuple[list[list[int]], list[list[int]]]:
    """Demonstrations of different things, and a question about each with its answer."""
    things = draw.choice(THINGS, DEMONSTRATIONS, replace=False)
    looks = draw.integers(LOOKS, size=DEMONSTRATIONS)
    seen = [(int(thing), int(thing) * LOOKS + int(look)) for thing, look in zip(things, looks, strict=True)]
    shown = [[*_picture(draw, look), NAME + thing] for thing, look in seen]
    asked = [
        [ASKS, NAME + thing, LOOK + look] for thing, look in (seen[n] for n in draw.permutation(len(seen)))
    ]
    return shown, asked


def _picture(draw: np.random.Generator, look: int) -> list[int]:
    noise = PATCH + THINGS * LOOKS + draw.integers(NOISE, size=PATCHES)
    shows = draw.random(PATCHES) < OF_THING
    return [int(token) for token in np.where(shows, PATCH + look, noise)]


def _other(things: Sequence[Sequence[int]], place: int) -> int:
    """The next row with demonstrations of the same things, or the next one where there is none."""
    later = [*range(place + 1, len(things)), *range(place)]
    alike = [number for number in later if things[number] == things[place]]
    first: int = [*alike, *later][0]
    return first


@torch.no_grad()
def _states(model: Any, shown: Sequence[Sequence[int]]) -> Array:
    """The states of the texts, each demonstration read by itself, after the first layer and the last norm."""
    tokens = torch.tensor([[BEGIN, *one] for one in shown])
    hidden = model.model(input_ids=tokens, output_hidden_states=True).hidden_states[LAYER]
    found: Array = model.model.norm(hidden[:, -TEXT:]).reshape(-1, WIDTH).numpy()
    return found
