"""The ways of an upgrade on judged collections, in arrays; see `benchmarks/upgrade.py`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tieback.answer.upgrading import halves
from tieback.core.state import State
from tieback.core.types.upgrading import WITH_HALVES, Anchors, Asked
from tieback.core.word_numbers import words_of
from tieback.methods import compatibility
from tieback.methods.compatibility import compatibilities, translates
from tieback.models.store import Store
from tieback.operations.upgrade_comparison import Comparison, compare, led_scores, translated_scores
from tieback.operations.upgrade_measures import split, trial
from tieback.operations.upgrade_worth import SHARES, Measured, Sides, Trial
from tieback.training.step_cache import StepCache

from benchmarks.claims.orthogonal_alignment import encoded
from benchmarks.pipeline import collections
from benchmarks.pipeline.judged import Judged
from benchmarks.report import Report

Floats = NDArray[np.floating[Any]]
Say = Callable[[str], None]
Gains = Sequence[Mapping[int, float]]

SMALL, OTHER, STATIC = "all-minilm-l6-v2", "paraphrase-minilm-l3-v2", "wordllama-256"
PAIRS = ((OTHER, SMALL), (SMALL, OTHER), (STATIC, SMALL))
"""Old and new."""
OWN = 0.2
"""The share of a collection's documents that policies are learned from."""
HALVES = 300
"""Documents whose halves policies learn from, beside that share."""
SAMPLE = 500
"""Documents that a plan encodes, besides those that were judged."""
PLANNED = ("affine", "orthogonal")
"""Policies that plans compare here: of one kind each, and learned in the least time."""
POLICIES_TRIED = [
    name for name in compatibilities.names() if translates(name) and name != compatibility.AS_TRAINED
]
ROWS = ("curve", "kept", "plans")
"""What is kept of a collection and a pair, beside the times."""
SIDES = ("today", "led", "translated")
WHICH = {
    ("halves", "all"): "all judged questions",
    ("questions", "all"): "all judged questions",
    ("questions", "others"): "the other questions",
}
STAND_INS = 5000
FLOOR = 0.8
FEWEST = 500
"""Documents of a collection that is tried: of fewer, a share is too little to learn from."""
CALLS = 500


class Encoded:
    """A judged collection in one space: documents, questions, and halves of some documents.

    `sample` are the documents that are cut, the first `SAMPLE` of them at random, then what was judged.
    """

    def __init__(self, judged: Judged, space: str, say: Say) -> None:
        texts = [one.text for one in judged.documents]
        order = np.random.default_rng(7).permutation(len(texts))
        cut = {int(place): two for place in order if (two := halves(texts[place])) is not None}
        answers = {place for one in gains_of(judged) for place in one}
        rest = [place for place in [*cut][SAMPLE:] if place in answers]
        self.sample = np.array([*[*cut][:SAMPLE], *rest])
        pieces = [piece for place in self.sample for piece in cut[int(place)]]
        self.words = np.stack([words_of(texts[place]) for place in self.sample])
        self.documents = encoded(space, texts, say)
        self.questions = encoded(space, [one.words for one in judged.questions], say)
        self.pieces = encoded(space, pieces, say)

    def threes(self, places: Sequence[int]) -> Floats:
        """Halves and wholes of documents of the sample, as a plan encodes them."""
        numbers = self._numbers(places)
        rows = [self.pieces[2 * numbers], self.pieces[2 * numbers + 1], self.documents[[*places]]]
        return np.stack(rows, axis=1).reshape(-1, self.documents.shape[1])

    def words_at(self, places: Sequence[int]) -> NDArray[np.int32]:
        """The words of documents of the sample."""
        return np.asarray(self.words[self._numbers(places)])

    def _numbers(self, places: Sequence[int]) -> NDArray[np.int64]:
        where = {int(place): number for number, place in enumerate(self.sample)}
        return np.array([where[place] for place in places])


def study(report: Report, data: Path, only: Sequence[str] | None, say: Say) -> None:
    """Tables of what is kept, and claims."""
    judged = [
        one
        for one in collections.read(data)
        if ((data / "retrieval" / one.name).is_dir() or one.name == "cranfield")
        and (not only or one.name in only)
        and len(one.documents) >= FEWEST
    ]
    spaces = dict.fromkeys(space for pair in PAIRS for space in pair)
    known = {(one.name, space): Encoded(one, space, say) for one in judged for space in spaces}
    found = []
    for one in judged:
        for pair in PAIRS:
            old, new = (known[one.name, space] for space in pair)
            others = [[known[each.name, space] for space in pair] for each in judged if each is not one]
            rows = kept_rows(f"{one.name}, {pair[0]} to {pair[1]}", old, new, gains_of(one), others)
            names = {"collection": one.name, "old": pair[0], "new": pair[1]}
            found.append({name: [names | row for row in table] for name, table in rows.items()})
            curve = rows["curve"][0]
            say(f"{one.name}, {pair[0]} to {pair[1]}: {curve['0%']:.3f} to {curve['100%']:.3f}")
    curves, kept, plans = [[row for one in found for row in one[name]] for name in ROWS]
    times = found[-1]["times"][0]
    report.table("nDCG@10 where both spaces are read, by the share re-embedded", curves)
    columns = dict.fromkeys(column for row in kept for column in row)
    report.table(
        "share of re-embedded nDCG@10 that is kept by translation, and with a fifth re-embedded besides",
        [{column: row.get(column) for column in columns} for row in kept],
    )
    report.table("share of re-embedded nDCG@10: what a plan says, and what is then measured", plans)
    report.table(
        "microseconds of a query through a map",
        [{name: times[name] for name in times if name not in ("collection", "old", "new")}],
    )
    claims(report, curves, kept, plans)


def kept_rows(
    step: str, old: Encoded, new: Encoded, gains: Gains, others: Sequence[Sequence[Encoded]]
) -> dict[str, list[dict[str, Any]]]:
    """Those of one collection and pair, kept as the steps of recipes are: a run that ended goes on there."""
    inputs = {
        "vectors": [
            array
            for one in (old, new)
            for array in (one.documents, one.questions, one.pieces, one.sample, one.words)
        ],
        "gains": [[[*one], [*one.values()]] for one in gains],
        "others": [one.documents for pair in others for one in pair],
    }
    methods = [compatibilities.get(name) for name in compatibilities.names()]
    arrays = StepCache(Store().steps).arrays(
        f"upgrade of {step}",
        rows_of,
        inputs,
        lambda: {"rows": np.frombuffer(json.dumps(rows_of(old, new, gains, others)).encode(), np.uint8)},
        beside=(compare, trial, *methods),
    )
    rows: dict[str, list[dict[str, Any]]] = json.loads(arrays["rows"].tobytes())
    return rows


def rows_of(
    old: Encoded, new: Encoded, gains: Gains, others: Sequence[Sequence[Encoded]]
) -> dict[str, list[dict[str, Any]]]:
    """The curve of both spaces read, what translation keeps, what plans say, and the times of the maps."""
    truth = whole(old, new, gains)
    states = own(old, new)
    curve = {f"{share:.0%}": value for share, value in zip(SHARES, truth.curve(truth.old), strict=True)}
    return {
        "curve": [curve],
        "kept": [translated(truth, states, others)],
        "plans": planned(old, new, gains),
        "times": [map_times(states)],
    }


def gains_of(judged: Judged) -> list[dict[int, float]]:
    """The gains of documents by their places, by question."""
    places = {one.id: place for place, one in enumerate(judged.documents)}
    return [{places[name]: 2.0**grade - 1 for name, grade in one.grades.items()} for one in judged.questions]


def whole(old: Encoded, new: Encoded, gains: Gains, asked: slice = slice(None)) -> Trial:
    """All documents, by all questions or some of them."""
    count = len(old.documents)
    return Trial(
        Sides(old.questions[asked], new.questions[asked]),
        Sides(old.documents, new.documents),
        np.arange(count),
        gains[asked],
        np.zeros(count, np.int64),
        np.zeros(len(old.questions[asked]), np.int64),
    )


def own(old: Encoded, new: Encoded) -> dict[str, State]:
    """Policies, learned from a share of the collection's documents and from their halves."""
    count = round(OWN * len(old.documents))
    chosen = np.random.default_rng(2).permutation(len(old.documents))[:count]
    among = np.repeat(np.isin(old.sample[:HALVES], chosen), 2)
    pairs = [np.concatenate([one.documents[chosen], one.pieces[: 2 * HALVES][among]]) for one in (old, new)]
    return fitted(pairs[0], pairs[1])


def fitted(old: Floats, new: Floats, names: Sequence[str] = POLICIES_TRIED) -> dict[str, State]:
    """The policies that have enough pairs."""
    first = np.sort(np.unique(np.concatenate([old, new], axis=1), axis=0, return_index=True)[1])
    return {
        name: compatibility.fit(name, old[first], new[first])
        for name in names
        if len(first) >= compatibilities.form(compatibility.LEAST_ANCHORS, name)(old.shape[1], new.shape[1])
    }


def translated(
    truth: Trial, states: Mapping[str, State], others: Sequence[Sequence[Encoded]]
) -> dict[str, Any]:
    """What policies keep, by what they were learned from."""
    found: dict[str, Any] = {name: _kept(truth, name, state) for name, state in states.items()}
    best = max(found, key=lambda name: float(found[name]))
    curve = truth.curve(translated_scores(truth, best, [states[best]]))
    found["best, a fifth re-embedded"] = curve[2] / curve[-1]
    for name in states:
        found[f"queries led by {name}"] = truth.worth(led_scores(truth, name, [states[name]])).kept.value
    if others:
        sides = [np.concatenate([part for one in others
                                 for part in (one[side].documents, one[side].pieces[: 2 * HALVES])])
                 for side in (0, 1)]  # fmt: skip
        drawn = np.random.default_rng(3).permutation(len(sides[0]))[:STAND_INS]
        pairs = fitted(sides[0][drawn], sides[1][drawn], ["affine"])
        found["affine, pairs of other collections"] = _kept(truth, "affine", pairs["affine"])
        found["such pairs"] = len(drawn)
    return found


def _kept(truth: Trial, name: str, state: State) -> float:
    return truth.worth(translated_scores(truth, name, [state])).kept.value


def planned(old: Encoded, new: Encoded, gains: Gains) -> list[dict[str, Any]]:
    """What plans say, beside what is measured on the whole collection with what they publish.

    One asks by halves of a sample. Two ask by a half of the judged questions each, over their documents and
    the sample; all and the others are those that the upgrade then meets.
    """
    rows = []
    for way, asked, others in (
        ("halves", None, slice(None)),
        ("questions", slice(0, None, 2), slice(1, None, 2)),
        ("questions", slice(1, None, 2), slice(0, None, 2)),
    ):
        answers = {place for one in gains[asked] for place in one} if asked else set()
        chosen = [place for place in old.sample[:SAMPLE].tolist() if place not in answers]
        chosen += [place for place in old.sample.tolist() if place in answers]
        chosen = [chosen[place] for place in np.random.default_rng(5).permutation(len(chosen))]
        numbers = {place: number for number, place in enumerate(chosen)}
        found, published = plan_of(
            Anchors(
                *(old.threes(chosen), new.threes(chosen)),
                np.repeat(np.arange(len(chosen)), WITH_HALVES),
                words=old.words_at(chosen),
            ),
            Asked(old.questions[asked], new.questions[asked]) if asked else None,
            [
                {numbers[place]: gain for place, gain in one.items() if place in numbers}
                for one in gains[asked]
            ]
            if asked
            else (),
            len(chosen) / len(old.documents),
        )
        name, best = found.tried[0].policy, found.tried[0]
        row: dict[str, Any] = {
            "asked by": way,
            "encoded": len(chosen),
            "policy": name,
            "advice": found.advice,
        }
        said = {"today": found.old.kept, "led": best.led.kept}
        said |= {"translated": best.translated.kept} if best.translated else {}
        row |= {f"{side}, plan": listed(one) for side, one in said.items()}
        for which, part in (("all", slice(None)), ("others", others)):
            measured = whole(old, new, gains, part)
            for side, one in truths(measured, name, published[name]).items():
                row[f"{side}, {which}"] = listed(one)
        rows.append(row)
    return rows


def truths(measured: Trial, name: str, state: State) -> dict[str, Measured]:
    """The share of re-embedded nDCG by the ways of an upgrade."""
    scores = {
        "today": measured.old,
        "led": led_scores(measured, name, [state]),
        "translated": translated_scores(measured, name, [state]),
    }
    return {side: measured.worth(one).kept for side, one in scores.items()}


def plan_of(
    anchors: Anchors, asked: Asked | None, gains: Sequence[Mapping[int, float]], seen: float
) -> tuple[Comparison, dict[str, State]]:
    """What the operation would say by `PLANNED`, and the transforms that it learns in the end."""
    parts = split(anchors)
    learned = parts.arrays(anchors)
    old, new = learned["old"], learned["new"]
    states = {
        name: [compatibility.fit(name, old[one], new[one]) for one in (*parts.learned, np.arange(len(old)))]
        for name in PLANNED
    }
    found = compare(trial(anchors, parts, asked, gains, seen=seen), states, FLOOR)
    return found, {name: of_policy[-1] for name, of_policy in states.items()}


def listed(one: Measured) -> list[float]:
    """The number and its interval."""
    return [one.value, one.low, one.high]


def map_times(states: Mapping[str, State]) -> dict[str, float]:
    """Microseconds of one query, the median of many calls."""
    found = {}
    for name, state in states.items():
        width = next(one.shape[0] for key, one in state.items() if key in ("into_old.map", "into_old.centre"))
        query = np.random.default_rng(0).normal(size=(1, width)).astype(np.float32)
        method, times = compatibilities.get(name), []
        for _ in range(CALLS):
            begun = time.perf_counter()
            method(query, state)
            times.append(time.perf_counter() - begun)
        found[name] = 1e6 * float(np.median(times))
    return found


def claims(
    report: Report,
    curves: Sequence[Mapping[str, Any]],
    kept: Sequence[Mapping[str, Any]],
    plans: Sequence[Mapping[str, Any]],
) -> None:
    """What an upgrade has to show."""
    names = [f"{share:.0%}" for share in SHARES]
    below = [min(row[name] for name in names) - min(row["0%"], row["100%"]) for row in curves]
    report.claim(
        "upgrade: both spaces read, the worst share of any pair, less the worse of old and new",
        100 * min(below), "points of nDCG@10", ">= -1",
    )  # fmt: skip
    better = [row for row in curves if row["100%"] >= row["0%"]]
    steps = [float(np.diff([row[name] for name in names]).min()) for row in better]
    report.claim(
        "upgrade: both spaces read, the largest fall from a share to the next where the new space is better",
        100 * min(steps, default=0.0), "points of nDCG@10", ">= -1",
    )  # fmt: skip
    best = [max(row[name] for name in POLICIES_TRIED if name in row) for row in kept]
    report.claim(
        "upgrade: translation learned from a fifth of the documents, the best policy, mean share kept",
        float(np.mean(best)), "of re-embedded nDCG@10", ">= 0.8", low=min(best), high=max(best),
        interval="range of collections and pairs",
    )  # fmt: skip
    fifth = [row["best, a fifth re-embedded"] for row in kept]
    report.claim(
        "upgrade: the same with a fifth re-embedded",
        float(np.mean(fifth)), "of re-embedded nDCG@10", ">= 0.9", low=min(fifth), high=max(fifth),
        interval="range of collections and pairs",
    )  # fmt: skip
    for way, which in WHICH:
        chosen = [row for row in plans if row["asked by"] == way]
        for side in SIDES:
            apart = [abs(row[f"{side}, plan"][0] - row[f"{side}, {which}"][0]) for row in chosen]
            report.claim(
                f"upgrade: plan by {way}, {side}, less the same on all by {WHICH[way, which]}: mean distance",
                100 * float(np.mean(apart)), "points of the share", "<= 2", high=100 * max(apart),
                low=100 * min(apart), interval="range of collections and pairs",
            )  # fmt: skip
            holds = is_held if which == "all" else is_within
            within = [holds(row[f"{side}, plan"], row[f"{side}, {which}"]) for row in chosen]
            report.claim(
                f"upgrade: the same, share of plans whose interval of 95 % holds that, {side}, by "
                f"{WHICH[way, which]}, plan by {way}",
                float(np.mean(within)), f"of {len(within)}", ">= 0.9",
                note="" if which == "all" else "with the interval of those questions",
            )  # fmt: skip
    right = [(row["today, plan"][0] < 1) == (row["today, others"][0] < 1) for row in plans]
    report.claim(
        "upgrade: plans that name the space that other questions find better",
        float(np.mean(right)), f"of {len(right)}", ">= 0.9",
    )  # fmt: skip


def is_held(plan: Sequence[float], truth: Sequence[float]) -> bool:
    """Whether a plan's interval holds a number."""
    return plan[1] <= truth[0] <= plan[2]


def is_within(plan: Sequence[float], truth: Sequence[float]) -> bool:
    """Whether two numbers with intervals of 95 % are as near as their intervals allow."""
    (low, high) = (plan, truth) if plan[0] <= truth[0] else (truth, plan)
    return high[0] - low[0] <= float(np.hypot(low[2] - low[0], high[0] - high[1]))
