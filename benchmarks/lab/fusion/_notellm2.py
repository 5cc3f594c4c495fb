"""Halves of a photo, each with a caption of its own: the other half, and a shuffled photo (NoteLLM-2).

The left and the right half of a photo are two things that belong together; each has another caption of the
photo. A thing looks for its partner among the halves of a fold that no network has seen. What a photo is
worth to a network is what it loses when each asking thing has the photo of another. The network's next two
layers of a language model go on from its first eight, which are frozen; the rival is the same without the
compressed photo and without gates: the last token's state, trained by the whole alone. Fold 0 is left out:
the rate of learning was chosen there.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tieback.catalog.card import GeneratorCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.core.types.content import Content
from tieback.methods.projection import unit_rows
from tieback.models.content_rows import padded
from tieback.models.store import Store
from tieback.recipes.networks.gguf_tokenizer import tokenizer_of
from tieback.recipes.networks.llama_files import read_gguf
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion import Fit, Goal, Layers
from tieback_lab.methods.fusion._learning import States, learned, served
from tieback_lab.methods.fusion.notellm2 import fit, start, states, states_by
from tieback_lab.recipes.train.decoder_layers import before_norm, decoder_layers, states_before
from tieback_lab.recipes.train.fusing import Things, right

from benchmarks.lab.fusion._compared import PARALLEL, Comparison
from benchmarks.lab.fusion._compared import learned as network
from benchmarks.lab.fusion._things import SEEN, dense
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import Interval, paired

MODEL, FIRST = "smollm2-135m-instruct", 8
FOLDS, REPORTED = 5, (1, 2, 3)
TRAINED: dict[str, Any] = {"steps": 250, "batch": 32, "dropout": 0.2}
OWN, LAST = "notellm2", "last token"
SHUFFLED = ", photos shuffled"
TIMES = 2
"""So many times as much as the rival must a photo be worth, by the aim."""


def _last_token(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> Any:
    """The whole alone, without gates."""
    return states_by(gated=False)(xp, rows, there, condition, state)[-1:]


WAYS: dict[str, tuple[States, Fit]] = {
    OWN: (states, fit),
    LAST: (_last_token, learned(start, _last_token, learning_rate=1e-3)),
}


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds the table and its claims; each of at most three seeds has another fold and another beginning."""
    whole, layers = _halves(data)
    folds = np.repeat(np.random.default_rng(0).permutation(len(whole) // 2) % FOLDS, 2)
    reported = np.isin(folds, REPORTED[:seeds])
    parts = ("photo", "caption")
    found = Comparison("halves that find the other half first", parts)
    for seed, fold in enumerate(REPORTED[:seeds]):
        training, tested = (whole.take(np.flatnonzero(own)) for own in (folds != fold, folds == fold))
        values: dict[str, Array] = {}
        for way, (made, fit_of) in WAYS.items():
            log(f"{way}: fold {fold}")
            goal = Goal(training.goal.groups, layers=layers)
            state = fit_of(training.rows, training.there, None, goal, seed=seed, **TRAINED)
            among, asked = (
                served(made, one.rows, one.there, None, state) for one in (tested, _shuffled(tested, seed))
            )
            values[way] = _first(among, among, tested.goal.groups)
            values[f"{way}{SHUFFLED}"] = _first(asked, among, tested.goal.groups)
        log(f"rivals: fold {fold}")
        for way, places in {
            PARALLEL: [0, 1],
            **{f"{part} alone": [n] for n, part in enumerate(parts)},
        }.items():
            some, asking = training.of(places), tested.of(places)
            how = {"steps": TRAINED["steps"], "dropout": TRAINED["dropout"] if way == PARALLEL else 0.0}
            values[way] = right("parallel", network("parallel", some, seed, **how), asking, asking)
        for way, own in values.items():
            every = np.full(len(folds), np.nan)
            every[folds == fold] = own
            found.add(way, every[reported])
    found.table(report)
    worth = {way: 100 * (found.mean(way) - found.mean(f"{way}{SHUFFLED}")) for way in WAYS}
    report.claim(
        f"5 what a photo is worth: {OWN} less {TIMES} times {LAST}",
        Interval(*paired(worth[OWN], TIMES * worth[LAST])), "points", "> 0",
        note=f"{worth[OWN].mean():.1f} and {worth[LAST].mean():.1f} points lost by shuffled photos, "
        f"{seeds} folds, {len(worth[OWN])} tested",
        of=Tried(5, "paper", product=True, data="real"),
    )  # fmt: skip
    found.claim(report, "halves of photos", OWN, LAST, 5, ">= 0", of="paper")
    found.claim_rivals(report, "halves of photos", OWN, 5)


def _first(asked: Array, among: Array, groups: Array) -> Array:
    """1 where the partner is the first of all others `[things]`, else 0."""
    scores = asked @ among.T
    np.fill_diagonal(scores, -np.inf)
    return np.asarray(groups[scores.argmax(axis=1)] == groups, np.float64)


def _shuffled(given: Things, seed: int) -> Things:
    """The things with photos of others, none with its own or its partner's."""
    order = np.random.default_rng(seed).permutation(len(given))
    turned = np.empty_like(order)
    turned[order] = np.roll(order, 1)
    wrong = given.goal.groups[turned] == given.goal.groups
    turned[wrong] = (turned[wrong] + 2) % len(given)
    return replace(given, rows=[given.rows[0][turned], given.rows[1]])


def _halves(data: Path) -> tuple[Things, Layers]:
    """Left and right halves in turn, with rows of frozen encoders, and the layers that go on from them."""
    listed: dict[str, list[str]] = json.loads((data / "captions/captions.json").read_text())
    names = sorted(listed)
    pictures = [
        Content(Modality.IMAGE, half) for name in names for half in _cut(data / "captions/images" / name)
    ]
    photos = dense(SEEN, "halves of captioned photos", pictures)
    texts = [text for name in names for text in listed[name][:2]]
    card, store = Catalog.load().get(MODEL), Store()
    assert isinstance(card, GeneratorCard)
    weights, metadata = read_gguf(store.weights(card) / card.options_for(CausalLanguageModel).weights)
    tokens = [one.ids for one in tokenizer_of(metadata).encode_batch(texts)]

    def make() -> dict[str, Array]:
        log(f"reading {len(texts)} captions by the first {FIRST} layers of {MODEL}")
        states_of = states_before(weights, FIRST, tokens)
        rows, mask = padded([unit_rows(one * weights.final_norm) for one in states_of])
        return {"rows": rows, "mask": mask.astype(np.uint8), "states": np.concatenate(states_of[:20])}

    inputs = {"model": f"{MODEL} {card.revision}", "layers": FIRST, "tokens": tokens}
    made = StepCache(store.steps).arrays(f"states of captions in {MODEL}", states_before, inputs, make)
    there = [np.ones((len(photos), 1), bool), made["mask"].astype(bool)]
    things = Things([photos[:, None], made["rows"]], there, None, Goal(np.arange(len(photos)) // 2))
    into = before_norm(made["states"], weights.final_norm)
    return things, decoder_layers(weights, FIRST, 1, into)


def _cut(path: Path) -> Iterator[bytes]:
    """The left and the right half of a photo, as files."""
    with Image.open(path) as photo:
        width, height = photo.size
        for box in ((0, 0, width // 2, height), (width - width // 2, 0, width, height)):
            file = io.BytesIO()
            photo.crop(box).convert("RGB").save(file, "PNG")
            yield file.getvalue()
