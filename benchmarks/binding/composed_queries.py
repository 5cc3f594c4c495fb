"""Queries that are composed: a photo and words, a photo less words, several photos at once.

Each is held against its parts alone and against chance, by the average precision of what it should find; what
is a part of the query is not sought. Parts count alike (weights of 1 and −1), and the router is the one that
is served. Means are over groups (a pair of names, or a name), so that persons, who are on half of COCO's
photos, do not count for all; the intervals are drawn over groups.

A photo less words is asked twice: for photos of what else is on it, and for any photos without what was taken
away. At the second, the words alone, taken away, cannot but do best, and are in the table only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback.core.types.fusion import Role
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array
from tieback_contract.fusion import FusePart

from benchmarks.binding.data import Bools, Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.photo_retrieval import QUERY
from benchmarks.binding.served import ROUTED, Joint
from benchmarks.measures import average_precisions, chance_precision
from benchmarks.report import Report, Tried
from benchmarks.statistics import Floats, interval, paired

PER_PAIR = 3
"""Photos that ask, of a pair of names: the first."""
SEVERAL, PER_NAME = 3, 5
"""Photos that ask together, and how many such sets of a name."""
WITHOUT = "photo − words, any without"
COMPOSED, PHOTO, WORDS, CHANCE = WAYS = ("composed", "a photo alone", "words alone", "chance")
CHANCE_DRAWS = 20


@dataclass(frozen=True)
class Query:
    """One photo or several, with or less the words for a name, and which photos they should find."""

    group: str
    photos: tuple[int, ...]
    wanted: Bools
    name: int | None = None
    sign: float = 1.0


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """Claims for each kind of query that the data have anything to ask with."""
    one = Composing(bound, data, encoders)
    rows: list[dict[str, object]] = []
    kinds = {
        "photo + words": plus(data),
        "photo − words": less(data),
        WITHOUT: without(data),
        f"{SEVERAL} photos": several(data),
    }
    for kind, queries in kinds.items():
        asked = list(queries)
        if not asked:
            continue
        found = one.precisions(asked)
        rows.append(
            {
                "query": kind,
                "queries": len(asked),
                "groups": len(found[COMPOSED]),
                **{way: float(found[way].mean()) if way in found else None for way in WAYS},
            }
        )
        _claim(kind, found, report)
    report.table("COCO: composed queries, mean average precision", rows)


def plus(data: Data) -> Iterator[Query]:
    """A photo of one thing and the words for another, which is not on it: photos of both."""
    for first, one in enumerate(data.names):
        for second, other in enumerate(data.names):
            both = data.shows[first] & data.shows[second]
            if first != second and both.any():
                asking = np.flatnonzero(data.shows[first] & ~data.shows[second])[:PER_PAIR]
                for photo in asking:
                    yield Query(f"{one} + {other}", (int(photo),), both, second)


def less(data: Data) -> Iterator[Query]:
    """A photo less the words for something on it: photos of what else is on it, without that."""
    for name, gone in enumerate(data.names):
        for photo in np.flatnonzero(data.shows[name])[:PER_PAIR]:
            others = data.shows[:, photo].copy()
            others[name] = False
            wanted = data.shows[others].any(axis=0) & ~data.shows[name]
            if wanted.any():
                yield Query(gone, (int(photo),), wanted, name, -1.0)


def without(data: Data) -> Iterator[Query]:
    """A photo less the words for something on it: all photos without that."""
    for name, gone in enumerate(data.names):
        for photo in np.flatnonzero(data.shows[name])[:PER_PAIR]:
            if not data.shows[name].all():
                yield Query(gone, (int(photo),), ~data.shows[name], name, -1.0)


def several(data: Data) -> Iterator[Query]:
    """Several photos of a name: the other photos of it."""
    draw = np.random.default_rng(0)
    for name, called in enumerate(data.names):
        shown = np.flatnonzero(data.shows[name])
        if len(shown) > SEVERAL:
            for _ in range(PER_NAME):
                chosen = draw.choice(shown, SEVERAL, replace=False)
                yield Query(called, tuple(int(photo) for photo in chosen), data.shows[name])


class Composing:
    """Photos and words in the joint space, together and alone."""

    def __init__(self, bound: JointSpaceArtifact, data: Data, encoders: Encoders) -> None:
        self.data, self.joint = data, Joint(bound, encoders)
        self._texts = encoders.texts([QUERY.format(name) for name in data.names])
        self._photos = encoders.photos(data.photos).whole()
        self._stored = self.joint.documents(self._photos)

    def precisions(self, queries: Sequence[Query]) -> dict[str, Floats]:
        """By way, the mean average precision `[groups]`: of the whole query, of its parts, and of chance."""
        photos = self.joint.queries(self._photos) @ self._stored.T
        words = self.joint.queries(self._texts) @ self._stored.T
        ways = {COMPOSED: self._composed(queries)}
        ways[PHOTO] = np.array(
            [
                np.mean([self._precision(photos[photo], one) for photo in one.photos])
                for one in queries
            ]
        )  # fmt: skip
        if all(one.name is not None for one in queries):
            ways[WORDS] = np.array([self._precision(one.sign * words[one.name], one) for one in queries])
        ways[CHANCE] = np.array(
            [
                chance_precision(np.delete(one.wanted, one.photos)[None], draws=CHANCE_DRAWS)
                for one in queries
            ]
        )  # fmt: skip
        groups = {
            name: np.array([one.group == name for one in queries]) for name in {q.group: 0 for q in queries}
        }
        return {
            way: np.array([values[rows].mean() for rows in groups.values()]) for way, values in ways.items()
        }

    def _composed(self, queries: Sequence[Query]) -> Floats:
        inputs = [self._parts(one) for one in queries]
        vectors = np.stack([one.vector.values for one in self.joint.fused(inputs, Role.QUERY, ROUTED)])
        return np.array(
            [
                self._precision(scores, one)
                for scores, one in zip(vectors @ self._stored.T, queries, strict=True)
            ]
        )

    def _parts(self, query: Query) -> list[FusePart]:
        parts = []
        for place, photo in enumerate(query.photos):
            parts += self.joint.parts(_row(self._photos, photo), content=place)[0]
        if query.name is not None:
            said = _row(self._texts, query.name)
            parts += self.joint.parts(said, content=len(query.photos), weight=query.sign)[0]
        return parts

    def _precision(self, scores: Array, query: Query) -> float:
        """Precision without the photos that the query is made of."""
        left = np.delete(scores, query.photos), np.delete(query.wanted, query.photos)
        return float(average_precisions(left[0][None], left[1][None]).mean())


def _row(vectors: Mapping[str, Array], place: int) -> dict[str, Array]:
    return {name: rows[place : place + 1] for name, rows in vectors.items()}


def _claim(kind: str, found: Mapping[str, Floats], report: Report) -> None:
    composed = interval(found[COMPOSED])
    for way, values in found.items():
        if way != COMPOSED and (kind, way) != (WITHOUT, WORDS):
            one = paired(found[COMPOSED], values)
            report.claim(
                f"COCO, {kind}: composed less {way}, lower end of the interval",
                one.low, "mAP", "> 0", low=one.low, high=one.high,
                of=Tried(13, "ours", product=True, data="real"),
                note=f"{composed.value:.4f} against {values.mean():.4f}, paired by group",
            )  # fmt: skip
