"""The ways of an upgrade on judged collections, in arrays; see `benchmarks/upgrade.py`."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tieback.answer.moving.upgrading import halves, word_numbers
from tieback.core.state import State
from tieback.core.types.moving import WITH_HALVES, Anchors, Asked
from tieback.methods import compatibility
from tieback.methods.compatibility import compatibilities, translates
from tieback.models.store import Store
from tieback.operations.upgrades.comparison import Comparison, compare, led_scores, translated_scores
from tieback.operations.upgrades.measures import split, trial
from tieback.operations.upgrades.planning import POLICIES
from tieback.operations.upgrades.worth import SHARES, Measured, Sides, Trial
from tieback.training.step_cache import StepCache

from benchmarks.lab.claims.orthogonal_alignment import encoded
from benchmarks.pipeline import collections
from benchmarks.pipeline.judged import Judged
from benchmarks.report import Report
from benchmarks.upgrade_claims import PAIRED, tell

Floats = NDArray[np.floating[Any]]
Say = Callable[[str], None]
Gains = Sequence[Mapping[int, float]]
Rows = dict[str, list[dict[str, Any]]]
"""By what they are of."""

SMALL, OTHER, STATIC = "all-minilm-l6-v2", "paraphrase-minilm-l3-v2", "wordllama-256"
PAIRS = ((OTHER, SMALL), (SMALL, OTHER), (STATIC, SMALL))
"""Old and new."""
OWN = 0.2
"""The share of a collection's documents that policies are learned from."""
HALVES = 300
"""Documents whose halves policies learn from, beside that share."""
SAMPLE = 500
"""Documents that a plan encodes, besides those that were judged."""
POLICIES_TRIED = [
    name for name in compatibilities.names() if translates(name) and name != compatibility.AS_TRAINED
]
STAND_INS = 5000
FLOOR = 0.8
FEWEST = 500
"""Documents of a collection that is tried: of fewer, a share is too little to learn from."""
CALLS = 500


@dataclass(eq=False)
class Vectors:
    """Documents and questions of a collection in one space, in unit rows."""

    documents: Floats
    questions: Floats


class Encoded(Vectors):
    """A judged collection in one space: documents, questions, and halves of some documents.

    `sample` are the documents that a plan may encode, the first `SAMPLE` of them at random, then what was
    judged. `cut` says which of them are in halves.
    """

    def __init__(self, judged: Judged, space: str, say: Say) -> None:
        texts = [one.text for one in judged.documents]
        order = np.random.default_rng(7).permutation(len(texts))
        answers = {place for one in gains_of(judged) for place in one}
        rest = [place for place in order[SAMPLE:] if place in answers]
        self.sample = np.array([*order[:SAMPLE], *rest])
        parts = [halves(texts[place]) for place in self.sample]
        self.cut = np.array([one is not None for one in parts])
        pieces = [
            piece
            for place, one in zip(self.sample, parts, strict=True)
            for piece in one or (texts[place], texts[place])
        ]
        self.words = np.stack([word_numbers(texts[place]) for place in self.sample])
        questions = [one.words for one in judged.questions]
        super().__init__(encoded(space, texts, say), encoded(space, questions, say))
        self.pieces = encoded(space, pieces, say)

    def threes(self, places: Sequence[int]) -> Floats:
        """Halves and wholes of documents of the sample, as a plan encodes them."""
        numbers = self._numbers(places)
        rows = [self.pieces[2 * numbers], self.pieces[2 * numbers + 1], self.documents[[*places]]]
        return np.stack(rows, axis=1).reshape(-1, self.documents.shape[1])

    def words_at(self, places: Sequence[int]) -> NDArray[np.int32]:
        """The words of documents of the sample."""
        return np.asarray(self.words[self._numbers(places)])

    def cut_at(self, places: Sequence[int]) -> NDArray[np.bool_]:
        """Documents of the sample that are in halves."""
        return np.asarray(self.cut[self._numbers(places)])

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
            gains = gains_of(one)
            inputs = {
                "vectors": [
                    array
                    for side in (old, new)
                    for array in (
                        side.documents,
                        side.questions,
                        side.pieces,
                        side.sample,
                        side.words,
                        side.cut,
                    )
                ],
                "gains": [[[*each], [*each.values()]] for each in gains],
                "others": [side.documents for sides in others for side in sides],
            }
            make = functools.partial(rows_of, old, new, gains, others)
            rows = kept_rows(f"{one.name}, {pair[0]} to {pair[1]}", rows_of, inputs, make)
            names = dict(zip(PAIRED, (one.name, *pair), strict=True))
            found.append({name: [names | row for row in table] for name, table in rows.items()})
            curve = rows["curve"][0]
            say(f"{one.name}, {pair[0]} to {pair[1]}: {curve['0%']:.3f} to {curve['100%']:.3f}")
    tell(report, found, POLICIES_TRIED)


def kept_rows(
    step: str, made_by: Callable[..., Any], inputs: Mapping[str, Any], make: Callable[[], Rows]
) -> Rows:
    """Those of one collection and pair, kept as the steps of recipes are: a run that ended goes on there."""
    methods = [compatibilities.get(name) for name in compatibilities.names()]
    arrays = StepCache(Store().steps).arrays(
        f"upgrade of {step}",
        made_by,
        inputs,
        lambda: {"rows": np.frombuffer(json.dumps(make()).encode(), np.uint8)},
        beside=(compare, trial, *methods),
    )
    rows: Rows = json.loads(arrays["rows"].tobytes())
    return rows


def rows_of(old: Encoded, new: Encoded, gains: Gains, others: Sequence[Sequence[Encoded]]) -> Rows:
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


def whole(old: Vectors, new: Vectors, gains: Gains, asked: slice = slice(None)) -> Trial:
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
        if len(first) >= least_anchors(name, old, new)
    }


def least_anchors(name: str, old: Floats, new: Floats) -> int:
    """The pairs that a policy takes at least, for vectors of these widths."""
    return compatibilities.form(compatibility.LEAST_ANCHORS, name)(old.shape[1], new.shape[1])


def translated(
    truth: Trial, states: Mapping[str, State], others: Sequence[Sequence[Encoded]]
) -> dict[str, Any]:
    """Quality that policies keep, by what they were learned from."""
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
    """Words of plans, beside what is measured on the whole collection with what they publish.

    One asks by halves of a sample, without what is too short to be cut. Two ask by a half of the judged
    questions each, over their documents and the sample; all and the others are those that the upgrade then
    meets.
    """
    rows = []
    for way, asked, others in (
        ("halves", None, slice(None)),
        ("questions", slice(0, None, 2), slice(1, None, 2)),
        ("questions", slice(1, None, 2), slice(0, None, 2)),
    ):
        answers = {place for one in gains[asked] for place in one} if asked else set()
        drawn = old.sample[:SAMPLE] if asked else old.sample[:SAMPLE][old.cut[:SAMPLE]]
        chosen = [place for place in drawn.tolist() if place not in answers]
        chosen += [place for place in old.sample.tolist() if place in answers]
        chosen = [chosen[place] for place in np.random.default_rng(5).permutation(len(chosen))]
        numbers = {place: number for number, place in enumerate(chosen)}
        found, published = plan_of(
            Anchors(
                *(old.threes(chosen), new.threes(chosen)),
                np.repeat(np.arange(len(chosen)), WITH_HALVES),
                words=old.words_at(chosen),
                cut=old.cut_at(chosen),
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
        measured = {"all": whole(old, new, gains), "others": whole(old, new, gains, others)}
        rows.append(plan_row(way, len(chosen), found, published, measured))
    return rows


def plan_row(
    way: str,
    sample: int,
    found: Comparison,
    published: Mapping[str, State],
    measured: Mapping[str, Trial],
) -> dict[str, Any]:
    """Words of a plan on its best policy, beside what is measured with what it publishes."""
    name, best = found.tried[0].policy, found.tried[0]
    row: dict[str, Any] = {"asked by": way, "encoded": sample, "policy": name, "advice": found.advice}
    said = {"today": found.old.kept, "led": best.led.kept}
    said |= {"translated": best.translated.kept} if best.translated else {}
    row |= {f"{side}, plan": listed(one) for side, one in said.items()}
    for which, one in measured.items():
        row |= {f"{side}, {which}": listed(kept) for side, kept in truths(one, name, published[name]).items()}
    return row


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
    """The plan that the operation would give, and the transforms that it learns in the end."""
    parts = split(anchors)
    learned = parts.arrays(anchors)
    old, new = learned["old"], learned["new"]
    fewest = min(len(one) for one in parts.learned)
    states = {
        name: [compatibility.fit(name, old[one], new[one]) for one in (*parts.learned, np.arange(len(old)))]
        for name in POLICIES
        if fewest >= least_anchors(name, old, new)
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
