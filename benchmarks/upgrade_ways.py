"""The ways of an upgrade on judged collections, in arrays; see `benchmarks/upgrade.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tieback.answer.upgrading import halves
from tieback.core.state import State
from tieback.core.types.upgrading import WITH_HALVES, Anchors, Asked
from tieback.methods import compatibility
from tieback.methods.compatibility import TRANSLATE, compatibilities, translates
from tieback.operations.upgrade_comparison import Comparison, compare
from tieback.operations.upgrade_measures import split, trial
from tieback.operations.upgrade_worth import BACKGROUND, SHARES, Sides, Trial

from benchmarks.claims.orthogonal_alignment import encoded
from benchmarks.pipeline import collections
from benchmarks.pipeline.judged import Judged
from benchmarks.report import Report

Floats = NDArray[np.floating[Any]]
Say = Callable[[str], None]

SMALL, OTHER, STATIC = "all-minilm-l6-v2", "paraphrase-minilm-l3-v2", "wordllama-256"
PAIRS = ((OTHER, SMALL), (SMALL, OTHER), (STATIC, SMALL))
"""Old and new."""
OWN = 0.2
"""The share of a collection's documents that policies are learned from."""
HALVES = 300
"""Documents of which the halves are encoded, too."""
STAND_INS = 5000
FLOOR = 0.8
FEWEST = 500
"""Documents of a collection that is tried: of fewer, a share is too little to learn from."""
CALLS = 500


class Encoded:
    """A judged collection in one space: documents, questions, and halves of a sample of documents."""

    def __init__(self, judged: Judged, space: str, say: Say) -> None:
        texts = [one.text for one in judged.documents]
        order = np.random.default_rng(7).permutation(len(texts))
        cut = {int(place): two for place in order if (two := halves(texts[place])) is not None}
        self.sample = np.array([*cut][:HALVES])
        pieces = [piece for place in self.sample for piece in cut[int(place)]]
        self.documents = encoded(space, texts, say)
        self.questions = encoded(space, [one.words for one in judged.questions], say)
        self.pieces = encoded(space, pieces, say)


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
    curves, kept, plans = [], [], []
    for one in judged:
        gains = gains_of(one)
        for pair in PAIRS:
            old, new = (known[one.name, space] for space in pair)
            others = [[known[each.name, space] for space in pair] for each in judged if each is not one]
            names = {"collection": one.name, "old": pair[0], "new": pair[1]}
            truth = whole(old, new, gains)
            curve = truth.curve(truth.old, truth.questions.old @ truth.background.old.T)
            curves.append(names | {f"{share:.0%}": value for share, value in zip(SHARES, curve, strict=True)})
            states = own(old, new)
            kept.append(names | translated(truth, states, others))
            plans.append(names | planned(old, new, gains, truth, states))
            say(f"{one.name}, {pair[0]} to {pair[1]}: {curve[0]:.3f} to {curve[-1]:.3f}")
    report.table("nDCG@10 where both spaces are read, by the share re-embedded", curves)
    report.table(
        "share of re-embedded nDCG@10 that is kept by translation, and with a fifth re-embedded besides", kept
    )
    report.table("nDCG@10 as a share of re-embedded: the plan, and what is then measured", plans)
    report.table("microseconds of a query through a map", [map_times(states)])
    claims(report, curves, kept, plans)


def gains_of(judged: Judged) -> list[dict[int, float]]:
    """The gains of documents by their places, by question."""
    places = {one.id: place for place, one in enumerate(judged.documents)}
    return [{places[name]: 2.0**grade - 1 for name, grade in one.grades.items()} for one in judged.questions]


def whole(old: Encoded, new: Encoded, gains: Sequence[Mapping[int, float]]) -> Trial:
    """All questions over all documents."""
    drawn = np.random.default_rng(1).permutation(len(old.documents))[:BACKGROUND]
    return Trial(
        Sides(old.questions, new.questions),
        Sides(old.documents, new.documents),
        np.arange(len(old.documents)),
        gains,
        Sides(old.documents[drawn], new.documents[drawn]),
    )


def own(old: Encoded, new: Encoded) -> dict[str, State]:
    """Policies, learned from a share of the collection's documents and from their halves."""
    count = round(OWN * len(old.documents))
    chosen = np.random.default_rng(2).permutation(len(old.documents))[:count]
    among = np.repeat(np.isin(old.sample, chosen), 2)
    pairs = [np.concatenate([one.documents[chosen], one.pieces[among]]) for one in (old, new)]
    return fitted(pairs[0], pairs[1])


def fitted(old: Floats, new: Floats) -> dict[str, State]:
    """Every policy that translates and has enough pairs."""
    first = np.sort(np.unique(np.concatenate([old, new], axis=1), axis=0, return_index=True)[1])
    return {
        name: compatibility.fit(name, old[first], new[first])
        for name in compatibilities.names()
        if translates(name)
        and name != compatibility.AS_TRAINED
        and len(first) >= compatibilities.form(compatibility.LEAST_ANCHORS, name)(old.shape[1], new.shape[1])
    }


def translated(
    truth: Trial, states: Mapping[str, State], others: Sequence[Sequence[Encoded]]
) -> dict[str, Any]:
    """What policies keep, by what they were learned from."""
    found: dict[str, Any] = {name: _kept(truth, name, state) for name, state in states.items()}
    best = max(found, key=lambda name: float(found[name]))
    rows = compatibilities.form(TRANSLATE, best)(truth.background.old, states[best])
    curve = truth.curve(_scores(truth, best, states[best]), truth.questions.new @ rows.T)
    found["best, a fifth re-embedded"] = curve[2] / curve[-1]
    for name in states:
        led = compatibilities.get(name)(truth.questions.new, states[name])
        found[f"queries led by {name}"] = truth.retained(led @ truth.gallery.old.T).value
    if others:
        sides = [np.concatenate([np.concatenate([one[side].documents, one[side].pieces]) for one in others])
                 for side in (0, 1)]  # fmt: skip
        drawn = np.random.default_rng(3).permutation(len(sides[0]))[:STAND_INS]
        pairs = fitted(sides[0][drawn], sides[1][drawn])
        found["affine, pairs of other collections"] = _kept(truth, "affine", pairs["affine"])
        found["such pairs"] = len(drawn)
    return found


def _scores(truth: Trial, name: str, state: State) -> Floats:
    return truth.questions.new @ compatibilities.form(TRANSLATE, name)(truth.gallery.old, state).T


def _kept(truth: Trial, name: str, state: State) -> float:
    return truth.retained(_scores(truth, name, state)).value


def planned(
    old: Encoded,
    new: Encoded,
    gains: Sequence[Mapping[int, float]],
    truth: Trial,
    states: Mapping[str, State],
) -> dict[str, Any]:
    """What a plan says by halves and by every second judged question, beside the truth for the others."""
    anchors = Anchors(threes(old), threes(new), np.repeat(old.sample, WITH_HALVES))
    by_halves = plan_of(anchors, None, ())
    # Asked by judged questions, a plan encodes what was judged and a sample besides.
    asked = slice(0, None, 2)
    judged = {place for one in gains[asked] for place in one}
    chosen = np.array(sorted(judged | set(old.sample.tolist())))
    wholes = Anchors(
        np.repeat(old.documents[chosen], WITH_HALVES, axis=0),
        np.repeat(new.documents[chosen], WITH_HALVES, axis=0),
        np.repeat(chosen, WITH_HALVES),
    )
    by_questions = plan_of(wholes, Asked(old.questions[asked], new.questions[asked]), gains[asked])
    rest = Trial(
        Sides(old.questions[1::2], new.questions[1::2]),
        truth.gallery, truth.items, gains[1::2], truth.background,
    )  # fmt: skip
    same = Trial(
        Sides(old.questions[asked], new.questions[asked]),
        truth.gallery, truth.items, gains[asked], truth.background,
    )  # fmt: skip
    return {
        "today, by halves": share(by_halves),
        "today, by questions": share(by_questions),
        "today, these questions on all": same.retained(same.old).value,
        "today, other questions on all": rest.retained(rest.old).value,
        "affine, by halves": kept_by(by_halves),
        "affine, by questions": kept_by(by_questions),
        "affine, these questions on all": _kept(same, "affine", states["affine"]),
        "affine, other questions on all": _kept(rest, "affine", states["affine"]),
        "advice by halves": by_halves.advice,
        "advice by questions": by_questions.advice,
    }


def threes(one: Encoded) -> Floats:
    """Halves and wholes of the sample, as a plan encodes them."""
    rows = np.stack([one.pieces[0::2], one.pieces[1::2], one.documents[one.sample]], axis=1)
    return rows.reshape(-1, rows.shape[-1])


def plan_of(anchors: Anchors, asked: Asked | None, gains: Sequence[Mapping[int, float]]) -> Comparison:
    """What the operation would say, with `affine`."""
    parts = split(anchors, {item for one in gains for item in one})
    learned = parts.arrays(anchors)
    state = compatibility.fit("affine", learned["old"], learned["new"])
    return compare(trial(anchors, parts, asked, gains), {"affine": state}, FLOOR)


def share(found: Comparison) -> float:
    """Today's nDCG as a share of re-embedded."""
    return found.old.ndcg.value / found.reembedded.ndcg.value


def kept_by(found: Comparison) -> float:
    """What the policy keeps where stored vectors are translated."""
    translated = found.tried[0].translated
    return 0.0 if translated is None else translated[1].value


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
    policies = [name for name in compatibilities.names() if translates(name)]
    best = [max(row[name] for name in policies if name in row) for row in kept]
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
    for side in ("today", "affine"):
        for way, truth in (
            ("by halves", "other questions on all"),
            ("by questions", "these questions on all"),
            ("by questions", "other questions on all"),
        ):
            apart = [abs(row[f"{side}, {way}"] - row[f"{side}, {truth}"]) for row in plans]
            report.claim(
                f"upgrade: plan {way} less {truth}, {side}, mean of what it is apart",
                100 * float(np.mean(apart)), "points of the share", "<= 2", high=100 * max(apart),
                low=100 * min(apart), interval="range of collections and pairs",
            )  # fmt: skip
