"""Captions as rounds of a dialogue: the photo that is meant, after each of five (SeqDialN).

The five captions of a photo come one after another, in an order that is drawn, and the photo is looked for
among those of its fold, which no network has seen. An LSTM's vector after k rounds is compared with what else
has k texts: the mean of their vectors, the last one alone, all of them joined to one text, and attention
among them. Those without training on rounds go to photos by ridge regression, and by the parallel network
of single captions. A round's cost is measured after one and after many.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.state import State
from tieback.core.types.content import Content
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion import STEP, Goal, fusions
from tieback_lab.recipes.train.fusing import Things, vectors

from benchmarks.lab.fusion._compared import PARALLEL, Comparison, learned
from benchmarks.lab.fusion._things import SEEN, TEXT, dense, ridge
from benchmarks.progress import log
from benchmarks.report import Report, Tried

ROUNDS, FOLDS = 5, 5
STEPS, DROPOUT = 600, 0.5
OWN, ATTENTION = "lstm", "attention among rounds"
SKIPPED: Mapping[str, Any] = {"missing": "skip"}
MEAN, LAST, JOINED = "mean of rounds", "last round alone", "rounds as one text"
BY_RIDGE = ", by ridge"
LATE, REPEATS = 500, 40
"""The round whose cost is compared with the second one's, and how often each is measured."""

Asked = Callable[[int], Array]
"""Unit vectors of the tested photos' first k rounds, to be compared with those of photos."""


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims; each seed has another fold, order of rounds and beginning."""
    listed = json.loads((data / "captions/captions.json").read_text())
    names = sorted(listed)
    photos = dense(SEEN, "captioned photos", [data / "captions/images" / name for name in names])
    folds = np.random.default_rng(0).permutation(len(names)) % FOLDS
    after = [Comparison(f"the photo first, after {k + 1} of {ROUNDS} rounds", ()) for k in range(ROUNDS)]
    state: State = {}
    for seed in range(seeds):
        log(f"seed {seed}")
        draw = np.random.default_rng(seed)
        texts = [[str(listed[name][place]) for place in draw.permutation(ROUNDS)] for name in names]
        single, joined = _encoded(texts, seed)
        tested = folds == seed % FOLDS
        state = learned(OWN, _things(single[~tested], photos[~tested]), seed, steps=STEPS, dropout=DROPOUT)
        for way, (asked, seen) in _ways(state, single, joined, photos, tested, seed).items():
            for k, comparison in enumerate(after):
                scores = asked(k + 1) @ seen.T
                values = np.full(len(names), np.nan)
                values[tested] = scores.argmax(axis=1) == np.arange(tested.sum())
                comparison.add(way, values)
    for comparison in after:
        comparison.table(report)
    for k in (1, ROUNDS - 1):
        for other in (
            PARALLEL,
            ATTENTION,
            LAST,
            JOINED,
            *(f"{one}{BY_RIDGE}" for one in (MEAN, LAST, JOINED)),
        ):
            after[k].claim(
                report, f"captions as rounds, after {k + 1}", OWN, other, 40,
                of="paper" if other == ATTENTION else "ours",
            )  # fmt: skip
    ratio = _cost(state)
    report.claim(
        f"40 time of round {LATE} by that of round 2", ratio, "times", "<= 1.2",
        of=Tried(40, "ours", product=True, data="generated"),
    )  # fmt: skip


def _ways(
    state: State, single: Array, joined: Array, photos: Array, tested: Array, seed: int
) -> Mapping[str, tuple[Asked, Array]]:
    """The rounds that were, and the tested photos, as each way has them."""
    said, known, own, seen = single[~tested], photos[~tested], single[tested], photos[tested]
    dialogues = _things(said, known)
    made: dict[str, tuple[Asked, Array]] = {}
    for way, method, more in ((OWN, OWN, {}), (PARALLEL, "parallel", {}), (ATTENTION, "ptunifier", SKIPPED)):
        now = state if way == OWN else learned(method, dialogues, seed, steps=STEPS, dropout=DROPOUT, **more)
        made[way] = _by_fusion(method, now, own, seen, lambda k: own[:, :k])
    texts: dict[str, Callable[[int], Array]] = {
        MEAN: lambda k: own[:, :k].mean(axis=1),
        LAST: lambda k: own[:, k - 1],
        JOINED: lambda k: joined[tested, k - 1],
    }
    flat, theirs = said.reshape(-1, said.shape[2]), np.repeat(known, ROUNDS, axis=0)
    pairs = _things(flat[:, None], theirs)
    network = learned("parallel", pairs, seed, steps=STEPS, dropout=DROPOUT)
    to_photos, middle = ridge(flat, theirs), known.mean(axis=0)
    for way, rows in texts.items():
        if way != MEAN:
            made[way] = _by_fusion("parallel", network, own, seen, rows)
        made[f"{way}{BY_RIDGE}"] = _by_ridge(to_photos, rows, seen, middle)
    return made


def _by_ridge(
    to_photos: Callable[[Array], Array], rows: Asked, seen: Array, middle: Array
) -> tuple[Asked, Array]:
    """Texts as photos, about their mean."""
    return lambda k: unit_rows(to_photos(rows(k)) - middle), unit_rows(seen - middle)


def _by_fusion(method: str, state: State, own: Array, seen: Array, rows: Asked) -> tuple[Asked, Array]:
    """Rounds alone, `[n, k, width]` or one `[n, width]`, against photos alone, by a fusion of both."""

    def asked(k: int) -> Array:
        given = rows(k)
        return vectors(method, state, _things(given if given.ndim == 3 else given[:, None], seen).only([0]))

    return (
        asked,
        vectors(method, state, _things(own[:, :1], seen).only([1])),
    )


def _things(rounds: Array, photos: Array) -> Things:
    """Things of rounds `[n, k, width]` and a photo `[n, width]`, which occur together."""
    there = [np.ones(rounds.shape[:2], bool), np.ones((len(photos), 1), bool)]
    return Things([rounds, photos[:, None]], there, None, Goal(np.arange(len(photos))))


def _encoded(texts: list[list[str]], seed: int) -> tuple[Array, Array]:
    """Vectors of each round, and of all so far as one text, `[photos, rounds, width]`."""
    joined = [" ".join(some[: k + 1]) for some in texts for k in range(ROUNDS)]
    flat = [text for some in texts for text in some]
    return (
        dense(TEXT, f"rounds of order {seed}", [Content(Modality.TEXT, one) for one in flat]).reshape(
            len(texts), ROUNDS, -1
        ),
        dense(
            TEXT, f"joined rounds of order {seed}", [Content(Modality.TEXT, one) for one in joined]
        ).reshape(len(texts), ROUNDS, -1),
    )


def _cost(state: State) -> float:
    """The median time of a late round by that of the second one."""
    step = fusions.form(STEP, OWN)
    width = int(state["ends"][0])
    row, there = np.ones((1, 1, width), np.float32), np.ones((1, 1), bool)
    times: dict[int, list[float]] = {2: [], LATE: []}
    for _ in range(REPEATS):
        now = None
        for number in range(1, LATE + 1):
            begin = time.perf_counter()
            now = step(row, there, 0, now, state)
            if number in times:
                times[number].append(time.perf_counter() - begin)
    return float(np.median(times[LATE]) / np.median(times[2]))
