"""Noisy pairs of photos and captions against few clean ones (ALIGN).

Two maps into one space learn from pairs: of a fifth of the photos, or of all, and with the right captions,
or with a half of them swapped for those of other photos. Captions then look for their photo among those of a
fold that no map has seen. The same pairs teach a parallel network and a ridge regression; the joint space is
the store's, bound by names of classes. Folds 0 and 1 are left out: what the maps begin with was chosen there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.methods.projection import unit_rows
from tieback.models.store import Store
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.recipes.train.fusing import vectors

from benchmarks.binding.artifact import newest
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import Joint
from benchmarks.lab.fusion._compared import PARALLEL, Comparison, learned
from benchmarks.lab.fusion._things import SEEN, TEXT, dense, ridge, things
from benchmarks.progress import log
from benchmarks.report import Report

FOLDS, CAPTIONS = 5, 5
CHOSEN_BY = 2
"""Folds that were looked at when the method was made, and are not reported."""
FEWER, WRONG = 5, 0.5
TRAINED: Mapping[str, Mapping[str, Any]] = {
    "align": {"steps": 300, "batch": 512},
    "parallel": {"steps": 600, "dropout": 0.5},
}
"""Of the rival as in the comparison with the joint space."""
NOISY, CLEAN = f"half of the captions wrong, {FEWER} times the photos", "clean captions"
BOTH, WORST = f"clean captions, {FEWER} times the photos", "half of the captions wrong"
OWN, RIDGE, JOINT = "align", "ridge", "joint space"
SETS = {CLEAN: (FEWER, 0.0), WORST: (FEWER, WRONG), BOTH: (1, 0.0), NOISY: (1, WRONG)}
"""By the name: of so many photos one is learned from, and the share of captions that are swapped."""


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds the table and its claims; each seed has another fold, other noise and another beginning."""
    listed = json.loads((data / "captions/captions.json").read_text())
    names = sorted(listed)
    texts = [text for name in names for text in listed[name][:CAPTIONS]]
    photos = dense(SEEN, "captioned photos", [data / "captions/images" / name for name in names])
    said = dense(TEXT, "captions", [Content(Modality.TEXT, text) for text in texts])
    owner = np.repeat(np.arange(len(names)), CAPTIONS)
    folds = np.random.default_rng(0).permutation(len(names)) % FOLDS
    joint, reported = _joint(photos, texts), folds >= CHOSEN_BY
    found = Comparison("captions that find their photo first", ())
    for seed in range(seeds):
        log(f"seed {seed}")
        draw = np.random.default_rng(seed)
        fold = CHOSEN_BY + seed % (FOLDS - CHOSEN_BY)
        tested, asked = folds == fold, folds[owner] == fold
        usable = draw.permutation(np.flatnonzero(~tested))
        for name, (fewer, wrong) in SETS.items():
            kept = np.flatnonzero(np.isin(owner, usable[: len(usable) // fewer]))
            seen = photos[_swapped(owner[kept], wrong, draw)]
            pairs = things([seen, said[kept]], np.ones((len(kept), 2), bool), np.arange(len(kept)))
            for way, method in ((OWN, OWN), (PARALLEL, "parallel")):
                state = learned(method, pairs, seed, **TRAINED[method])
                given = things(
                    [photos[owner[asked]], said[asked]], np.ones((asked.sum(), 2), bool), owner[asked]
                )
                shown, words = (vectors(method, state, given.only([part])) for part in (0, 1))
                found.add(f"{way}: {name}", _right(words, shown[::CAPTIONS], tested)[reported])
            to_photos, middle = ridge(said[kept], seen), seen.mean(axis=0)
            words, shown = (unit_rows(one - middle) for one in (to_photos(said[asked]), photos[tested]))
            found.add(f"{RIDGE}: {name}", _right(words, shown, tested)[reported])
        found.add(JOINT, _right(joint[0][asked], joint[1][tested], tested)[reported])
    found.table(report)
    found.claim(report, "noise and scale", f"{OWN}: {NOISY}", f"{OWN}: {CLEAN}", 13, of="paper")
    for other in (f"{PARALLEL}: {NOISY}", f"{RIDGE}: {NOISY}", JOINT):
        found.claim(report, "noisy pairs", f"{OWN}: {NOISY}", other, 13)
    for other in (f"{PARALLEL}: {BOTH}", f"{RIDGE}: {BOTH}", JOINT):
        found.claim(report, "clean pairs", f"{OWN}: {BOTH}", other, 13)


def _swapped(owner: Array, share: float, draw: np.random.Generator) -> Array:
    """The photos of captions, a share of which go with one another's."""
    found, wrong = owner.copy(), np.flatnonzero(draw.random(len(owner)) < share)
    found[wrong] = owner[np.roll(draw.permutation(wrong), 1)] if len(wrong) else owner[wrong]
    return found


def _right(words: Array, shown: Array, tested: Array) -> Array:
    """The share of each tested photo's captions that find it first; NaN for other photos."""
    own = np.repeat(np.arange(len(shown)), CAPTIONS)
    right = ((words @ shown.T).argmax(axis=1) == own).reshape(-1, CAPTIONS).mean(axis=1)
    values = np.full(len(tested), np.nan)
    values[tested] = right
    return values


def _joint(photos: Array, texts: list[str]) -> tuple[Array, Array]:
    """Captions and photos in the store's joint space."""
    cards, store = Catalog.load().encoders(), Store()
    bound = newest(cards, store, log)
    encoders = Encoders(bound, cards, store, log)
    joint = Joint(bound, encoders)
    return joint.queries(encoders.texts(texts)), joint.documents({SEEN: photos})
