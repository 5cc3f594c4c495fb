"""Spoken digits put into the space of their words, with each loss of MTAM and without (arXiv:2208.06348).

Of each digit five clips are labelled, and two speakers of the six are in no training. A projector learns to
bring a clip to its word's vector by InfoNCE alone, with canonical correlations beside it, or with the
Wasserstein distance. A clip's class is the word nearest to it, and the measure is the paper's: F1, of all
classes alike. How strong a loss is was chosen by one more speaker that is left out of the training, from the
same strengths, none among them left out. The rival that the paper has not is a ridge regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.types.content import Content
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.projection import correlation, wasserstein

from benchmarks.lab.fusion._compared import Comparison
from benchmarks.lab.fusion._things import DIGITS, SPEAKERS_HELD_OUT, SPOKEN, TEXT, dense, ridge
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import bootstrap

PAPER = 60
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LABELS = 5
"""Clips of each digit that are learned from."""
WITHOUT, RIDGE = "without", "ridge"
LOSSES: Mapping[str, tuple[Any, tuple[float, ...]]] = {
    WITHOUT: (correlation, (0.0,)),
    "correlation": (correlation, (0.1, 0.3, 1.0, 3.0)),
    "wasserstein": (wasserstein, (1.0, 3.0, 10.0, 30.0)),
}
"""Methods with the strengths that are tried."""


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds the tables and claims; each seed has other folds of speakers and other labels."""
    clips = sorted((data / "speech/digits").glob("*.wav"))
    heard, said = dense(SPOKEN, "spoken digits", clips), np.array([int(one.stem[0]) for one in clips])
    speakers = np.array([one.stem.split("_")[1] for one in clips])
    words = unit_rows(dense(TEXT, "words of digits", [Content(Modality.TEXT, word) for word in WORDS]))
    found: dict[str, list[Array]] = {way: [] for way in (*LOSSES, RIDGE)}
    chosen: list[dict[str, Any]] = []
    for seed in range(seeds):
        log(f"seed {seed}")
        draw = np.random.default_rng(seed)
        order = draw.permutation(np.unique(speakers))
        called = {way: np.zeros(len(clips), np.int64) for way in found}
        for tested in order.reshape(-1, SPEAKERS_HELD_OUT):
            apart, rest = np.isin(speakers, tested), draw.permutation(np.setdiff1d(order, tested))
            training = _labelled(said, ~apart, draw)
            choosing = ~apart & (speakers == rest[0])
            fewer = _labelled(said, ~apart & ~choosing, draw)
            for way, (method, strengths) in LOSSES.items():
                given = {
                    one: _called(method, heard, words, said, fewer, choosing, one, seed) for one in strengths
                }
                best = max(given, key=lambda one: _f1(said[choosing], given[one]))
                called[way][apart] = _called(method, heard, words, said, training, apart, best, seed)
                chosen.append({"seed": seed, "speakers": ", ".join(tested), "loss": way, "strength": best})
            middle = words.mean(axis=0)  # a ridge shrinks towards it, and words near to it would win
            shown = ridge(heard[training], words[said[training]])(heard[apart]) - middle
            called[RIDGE][apart] = (shown @ unit_rows(words - middle).T).argmax(axis=1)
        for way, classes in called.items():
            found[way].append(classes)
    _claims(report, found, said)
    report.table("strengths that another speaker chose", chosen)


def _claims(report: Report, found: Mapping[str, list[Array]], said: Array) -> None:
    """F1 by seed; and what each loss adds, by drawing clips for both sides at once."""
    title = f"spoken digits by {LABELS} labels each, speakers held out"
    right = Comparison(f"{title}: classes that are right", ())
    for way, seeds in found.items():
        for classes in seeds:
            right.add(way, classes == said)
    right.table(report)
    report.table(f"{title}: F1", [
        {"way": way, **{f"seed {seed}": _f1(said, one) for seed, one in enumerate(seeds)},
         "mean": _mean_f1(seeds, said, np.arange(len(said)))}
        for way, seeds in found.items()
    ])  # fmt: skip
    for way in ("correlation", "wasserstein"):
        for other in (WITHOUT, RIDGE):
            added = bootstrap(len(said), partial(_added, found[way], found[other], said))
            own, rival = (_mean_f1(found[one], said, np.arange(len(said))) for one in (way, other))
            report.claim(
                f"{PAPER} F1 of spoken digits: {way} less {other}", added, "points", "> 0",
                note=f"{own:.3f} against {rival:.3f}, {len(found[way])} seeds, {len(said)} clips",
                of=Tried(PAPER, "paper" if other == WITHOUT else "ours", product=True, data="real"),
            )  # fmt: skip


def _labelled(said: Array, usable: Array, draw: np.random.Generator) -> Array:
    """Places of so many clips of each digit."""
    return np.concatenate(
        [draw.permutation(np.flatnonzero(usable & (said == one)))[:LABELS] for one in range(DIGITS)]
    )


def _called(
    method: Any, heard: Array, words: Array, said: Array, places: Array, tested: Array, strength: float,
    seed: int,
) -> Array:  # fmt: skip
    """The classes `[tested]` of clips by a projector that learned from those at `places`."""
    state = method.fit(heard[places], words[said[places]], seed=seed, strength=strength)
    projected = getattr(method, method.__name__.rsplit(".", 1)[1])(heard[tested], state)
    return np.asarray((projected @ words.T).argmax(axis=1))


def _f1(said: Array, called: Array) -> float:
    """The mean of F1 over the classes that are said or called."""
    table = np.zeros((DIGITS, DIGITS))
    np.add.at(table, (said, called), 1)
    either = table.sum(axis=0) + table.sum(axis=1)
    return float((2 * table.diagonal()[either > 0] / either[either > 0]).mean())


def _mean_f1(seeds: list[Array], said: Array, places: Array) -> float:
    return float(np.mean([_f1(said[places], one[places]) for one in seeds]))


def _added(own: list[Array], other: list[Array], said: Array, places: Array) -> float:
    """By how many points of F1 one way is above another."""
    return 100 * (_mean_f1(own, said, places) - _mean_f1(other, said, places))
