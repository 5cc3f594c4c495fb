"""A photo less words, on photos with captions: photos of the one thing without the other.

A photo whose captions tell of A and of B asks less the words for B, and what should be found are the photos
whose captions tell of A and of no B. It is held against the same photo alone. Captions are by several people,
and still not all that is on a photo is told. The intervals are drawn over the things taken away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback.core.types.fusion import Role
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array

from benchmarks.binding.data import Bools, Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import ROUTED, UNIFORM, Joint
from benchmarks.measures import average_precisions
from benchmarks.report import Report
from benchmarks.statistics import Floats, paired

WEIGHTS = (-0.3, -0.5, -1.0)
PER_PAIR, FEWEST = 5, 3
"""Photos that ask, of a pair of things; pairs with fewer to ask or to find are left out."""
THINGS: Mapping[str, str] = {
    "a person": "man men woman women boy boys girl girls child children people person kid kids lady baby",
    "a dog": "dog dogs puppy puppies",
    "water": "water ocean lake pool river sea wave waves",
    "grass": "grass grassy field lawn",
    "a ball": "ball balls football basketball",
    "snow": "snow snowy",
    "rocks": "rock rocks rocky cliff stone",
    "a street": "street road sidewalk city",
    "a mountain": "mountain mountains",
    "a tree": "tree trees forest woods",
    "a car": "car cars truck",
    "a bicycle": "bike bikes bicycle bicycles cyclist",
    "a bench": "bench",
    "a boat": "boat boats kayak canoe",
    "a horse": "horse horses",
    "a hat": "hat hats cap helmet",
    "a building": "building buildings house",
    "sand": "sand sandy",
    "sunglasses": "sunglasses glasses",
    "a toy": "toy toys",
    "a rope": "rope",
    "a fence": "fence",
    "a backpack": "backpack backpacks",
    "a stick": "stick sticks",
    "a table": "table",
    "a shirt": "shirt shirts jacket",
}
"""What is taken away, and the words by which a caption tells of it."""


@dataclass(frozen=True)
class Asked:
    """One photo, the thing taken away, and the photos to find."""

    photo: int
    gone: int
    wanted: Bools


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """Gain by taking away, by weight, for routed and for uniform queries; nothing without captions."""
    listed = data.folder / "captions" / "captions.json"
    if not listed.is_file():
        return
    captions: dict[str, list[str]] = json.loads(listed.read_text())
    asked = list(queries(told(captions)))
    if not asked:
        return
    joint = Joint(bound, encoders)
    photos = encoders.photos(
        [data.folder / "captions" / "images" / name for name in sorted(captions)]
    ).whole()
    words, stored = encoders.texts(list(THINGS)), joint.documents(photos)
    rows: list[dict[str, object]] = []
    for way, routing in {"routed": ROUTED, "uniform": UNIFORM}.items():
        alone = _precisions(joint.queries(photos, routing)[[one.photo for one in asked]] @ stored.T, asked)
        for weight in WEIGHTS:
            inputs = [
                [
                    *joint.parts(_row(photos, one.photo))[0],
                    *joint.parts(_row(words, one.gone), content=1, weight=weight)[0],
                ]
                for one in asked
            ]
            vectors = np.stack([one.vector.values for one in joint.fused(inputs, Role.QUERY, routing)])
            less = _precisions(vectors @ stored.T, asked)
            difference = paired(less, alone)
            rows.append(
                {
                    "weights": way,
                    "words' weight": weight,
                    "photo − words": float(less.mean()),
                    "photo alone": float(alone.mean()),
                    "difference": difference.value,
                    "low": difference.low,
                    "high": difference.high,
                }
            )
            if routing is ROUTED:
                report.claim(
                    f"captions: photo − words ({weight:g}) less the photo alone, lower end of the interval",
                    difference.low, "mAP", "> 0", low=difference.low, high=difference.high,
                    note=f"{less.mean():.4f} against {alone.mean():.4f}; {len(asked)} queries, "
                    f"{len(less)} things taken away, over which the interval is drawn",
                )  # fmt: skip
    report.table("captions: a photo less words", rows)


def told(captions: Mapping[str, Sequence[str]]) -> Bools:
    """Things that photos, in the order of names, are told to show: `[things, photos]`."""
    said = [set(re.findall(r"\w+", " ".join(captions[name]).lower())) for name in sorted(captions)]
    return np.array([[not words.isdisjoint(one.split()) for words in said] for one in THINGS.values()])


def queries(shows: Bools) -> Iterator[Asked]:
    """For every two things, photos of both, less the second."""
    for gone in range(len(shows)):
        for kept in range(len(shows)):
            both, wanted = np.flatnonzero(shows[kept] & shows[gone]), shows[kept] & ~shows[gone]
            if kept != gone and len(both) >= FEWEST and wanted.sum() >= FEWEST:
                yield from (Asked(int(photo), gone, wanted) for photo in both[:PER_PAIR])


def _precisions(scores: Array, asked: Sequence[Asked]) -> Floats:
    """Mean average precision by the thing taken away; the photo that asks is not sought."""
    found: dict[int, list[float]] = {}
    for row, one in zip(scores, asked, strict=True):
        left, wanted = np.delete(row, one.photo), np.delete(one.wanted, one.photo)
        found.setdefault(one.gone, []).append(float(average_precisions(left[None], wanted[None])[0]))
    return np.array([np.mean(values) for values in found.values()])


def _row(vectors: Mapping[str, Array], place: int) -> dict[str, Array]:
    return {name: rows[place : place + 1] for name, rows in vectors.items()}
