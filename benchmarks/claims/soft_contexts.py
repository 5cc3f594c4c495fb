"""Method 56: one token, made of a document's vector, in the place of the document (xRAG, arXiv:2405.13792).

A language model of two layers learns to answer questions about documents of three facts, as text, and is then
frozen. A bridge learns to make one token of a document's vector, by the likelihood of the answers and the
divergence from what the model says behind the text. The vectors are those of the real MiniLM, which is not
changed either. The bridge is the served one, trained as `tieback train xrag` does. Documents of the test have
facts that stood together in none of the training; shuffled tokens are those of another document.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from tieback.catalog.catalog import Catalog
from tieback.methods.context_compression import xrag
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.training.loop import Plan
from tieback_contract.arrays import Array
from tieback_lab.recipes.reading.claim_pairs import encoded
from tieback_lab.recipes.train import soft_reading
from tieback_lab.recipes.train.soft_reading import Bridge, Choices, FrozenReader, Reading

from benchmarks.claims import by_seed, claim
from benchmarks.claims._toy_language_model import BEGIN, WIDTH, language_model, learn_language, right
from benchmarks.report import Report, Tried

METHOD = "56 (arXiv:2405.13792)"
OF = Tried(56, "toy", product=True, data="generated")
ENCODER = "all-minilm-l6-v2"
FACTS = {
    "car": "red blue green black white yellow silver brown orange purple pink",
    "city": "Paris London Rome Berlin Madrid Vienna Oslo Athens Dublin Lisbon Prague",
    "instrument": "piano violin guitar flute drums cello trumpet harp organ banjo clarinet",
}
VALUES = {name: values.split() for name, values in FACTS.items()}
WORDS = ["<begin>", *VALUES, *itertools.chain(*VALUES.values()), "the", "is", ".", "?"]
TOKENS = {word: number for number, word in enumerate(WORDS)}
DOCUMENTS, TESTED = 1000, 200
LANGUAGE_STEPS, LANGUAGE_BATCH, LANGUAGE_RATE = 900, 32, 3e-3
"""Of what the language model learns before it is frozen."""
START_STEPS, STEPS, BATCH, RATE, TEACHER = 200, 6000, 32, 3e-3, 0.5
FULL, TOKEN, SHUFFLED, NOTHING = "the document", "one token", "shuffled token", "nothing"


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims how much of what the document tells is read of one token, and that it is read of the vector."""
    rows = by_seed(report, f"{METHOD}: right answers by what is read, share", seeds, measured, say)
    claim(
        report, OF, f"{METHOD}: right answers by one token, as a share of those by the document",
        [row[TOKEN] / row[FULL] for row in rows], "", ">= 0.9",
        note=f"{np.mean([row[TOKEN] for row in rows]):.2f} by one token",
    )  # fmt: skip
    claim(
        report, OF, f"{METHOD}: right answers by a shuffled token, minus those by nothing",
        [row[SHUFFLED] - row[NOTHING] for row in rows], "", "<= 0.1",
        note=f"{np.mean([row[SHUFFLED] for row in rows]):.2f} by a shuffled token",
    )  # fmt: skip


def measured(seed: int) -> dict[str, float]:
    """The share of right answers to questions about each document of the test, by what the model reads."""
    draw = np.random.default_rng(seed)
    facts = draw.permutation(list(itertools.product(*(range(len(one)) for one in VALUES.values()))))
    told, tested = facts[:DOCUMENTS], facts[DOCUMENTS:][:TESTED]
    model = language_model(len(WORDS), seed)

    def sample(drawn: np.random.Generator) -> tuple[Array, Array]:
        texts = []
        for row in drawn.integers(len(told), size=LANGUAGE_BATCH):
            read, questions = _told(told[row], drawn)
            asked, answer = questions[int(drawn.integers(len(questions)))]
            texts.append([BEGIN, *read, *asked, answer])
        found = np.array(texts)
        return found, np.tile(np.arange(found.shape[1]) == found.shape[1] - 1, (len(found), 1))

    learn_language(model, sample, Plan(LANGUAGE_STEPS, LANGUAGE_RATE, look_every=500, seed=seed))
    reader = FrozenReader(model, [BEGIN])
    made = [_told(one, draw) for one in (*told, *tested)]
    documents = [read for read, _ in made]
    vectors = _vectors(documents)
    readings, whole = [], []
    for vector, (read, questions) in zip(vectors, made, strict=True):
        readings += [Reading(vector[None], asked, [answer]) for asked, answer in questions]
        whole += [Reading(vector[None][:0], [*read, *asked], [answer]) for asked, answer in questions]
    nothing = [replace(one, vectors=one.vectors[:0]) for one in readings]
    each = len(FACTS)
    state = xrag.start(vectors.shape[1], WIDTH, seed=seed)
    bridge = Bridge(state, partial(xrag.bridged, torch))
    with torch.no_grad():
        logits = reader.logits(whole, bridge)[0].numpy()
    taught = [replace(one, taught=row[None]) for one, row in zip(readings, logits, strict=True)]
    targets = soft_reading.token_means(reader.embeddings, documents[:DOCUMENTS])
    start = Plan(START_STEPS, RATE, weight_decay=0.0, look_every=START_STEPS, seed=seed)
    soft_reading.learn_start(
        bridge, vectors[:DOCUMENTS], targets, start, size=BATCH, progress=lambda *_: None
    )
    soft_reading.learn_reading(
        reader, bridge, taught[: each * DOCUMENTS], [], Choices(BATCH, TEACHER),
        Plan(STEPS, RATE, weight_decay=0.0, look_every=STEPS, seed=seed),
        checkpoint=None, trained_on="", progress=lambda *_: None,
    )  # fmt: skip
    whole, last, nothing = (rows[each * DOCUMENTS :] for rows in (whole, readings, nothing))
    shuffled = [
        replace(one, vectors=other.vectors)
        for one, other in zip(last, [*last[each:], *last[:each]], strict=True)
    ]
    ways = {FULL: whole, TOKEN: last, SHUFFLED: shuffled, NOTHING: nothing}
    return {name: right(reader, rows, bridge) for name, rows in ways.items()}


def _told(facts: Array, draw: np.random.Generator) -> tuple[list[int], list[tuple[list[int], int]]]:
    """A document with its facts in any order, and a question about each with its answer, as tokens."""
    told = [(name, VALUES[name][value]) for name, value in zip(VALUES, facts.tolist(), strict=True)]
    told = [told[place] for place in draw.permutation(len(told))]
    document = [TOKENS[word] for name, value in told for word in ("the", name, "is", value, ".")]
    return document, [([TOKENS[name], TOKENS["?"]], TOKENS[value]) for name, value in told]


def _vectors(documents: Sequence[Sequence[int]]) -> Array:
    card = next(card for card in Catalog.load().encoders() if card.name == ENCODER)
    texts = [" ".join(WORDS[token] for token in one).replace(" .", ".") for one in documents]
    return encoded(load_encoder(card, Store()), texts)[0]
