"""Photos found by what people wrote of them, and captions by photos: DIR/captions, five captions a photo.

No caption is like the recipe's sentences on purpose, and none was written for it. Photos are found among all
photos, captions among all captions; a photo finds its captions where one of its five is among the best.
"""

from __future__ import annotations

import json

import numpy as np
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array

from benchmarks.binding import stored
from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import ROUTED, UNIFORM, Joint
from benchmarks.measures import OMNIBIND
from benchmarks.report import Report
from benchmarks.statistics import paired

TARGETS = {1: 0.12, 10: 0.47}


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """Recall at 1 and 10, both ways: routed, uniform, and each block alone; nothing without captions."""
    listed = data.folder / "captions" / "captions.json"
    if not listed.is_file():
        return
    captions: dict[str, list[str]] = json.loads(listed.read_text())
    photos = [data.folder / "captions" / "images" / name for name in sorted(captions)]
    said = encoders.texts([text for path in photos for text in captions[path.name]])
    owner = np.repeat(np.arange(len(photos)), [len(captions[path.name]) for path in photos])
    seen = encoders.photos(photos)
    joint = Joint(bound, encoders)
    texts, whole = joint.documents(said), seen.whole()
    found: dict[str, Array] = {}
    parts = {name: rows[:, 1:].reshape(-1, rows.shape[2]) for name, rows in seen.dense.items()}
    documents, windows = joint.documents(whole), joint.documents(parts)
    for name, queries in _queries(joint, said).items():
        wholes = queries @ documents.T
        if not wholes.any():  # a block that no photo reaches tells none from another
            continue
        best = (queries @ windows.T).reshape(len(queries), len(photos), -1).max(axis=2)
        found[f"{name}, whole"] = _places(wholes, owner)
        found[f"{name}, whole + best part"] = _places((wholes + best) / 2, owner)
    through = stored.scores(bound, photos, encoders, joint.queries(said, ROUTED))
    found["routed, through the index"] = _places(through, owner)
    report.table("captions: photos found by them", [_row(name, places) for name, places in found.items()])
    for at, target in TARGETS.items():
        report.claim(
            f"captions → photos R@{at}, served: stored by parts, found through the index",
            float((found["routed, through the index"] < at).mean()), "", f">= {target:g}",
            note=f"{len(owner)} captions, {len(photos)} photos",
        )  # fmt: skip
    routed = found["routed, whole + best part"]
    alone = {
        name: found[key]
        for name in joint.router.space.names
        if (key := f"{name}, whole + best part") in found
    }
    best_name = max(alone, key=lambda name: float(_reciprocal(alone[name]).mean()))
    for other, places in (
        ("uniform", found["uniform, whole + best part"]),
        (f"the best block alone ({best_name})", alone[best_name]),
    ):
        difference = paired(_by_photo(routed, owner), _by_photo(places, owner))
        report.claim(
            f"captions → photos: routed less {other}, lower end of the interval",
            difference.low, "MRR", "> 0", low=difference.low, high=difference.high, of=OMNIBIND,
            note=f"the difference is {difference.value:.4f}, paired by photo",
        )  # fmt: skip
    backwards = {name: _first(queries @ texts.T, owner) for name, queries in _queries(joint, whole).items()}
    report.table("captions: found by photos", [_row(name, places) for name, places in backwards.items()])
    routed = _reciprocal(backwards["routed"])
    singles = [name for name in backwards if name not in ("routed", "uniform")]
    best_name = max(singles, key=lambda name: float(_reciprocal(backwards[name]).mean()))
    for other, places in (
        ("uniform", backwards["uniform"]),
        (f"the best block alone ({best_name})", backwards[best_name]),
    ):
        difference = paired(routed, _reciprocal(places))
        report.claim(
            f"photos → captions: routed less {other}",
            difference,
            "MRR",
            ">= 0",
            of=OMNIBIND,
            note="paired by photo",
        )


def _queries(joint: Joint, vectors: dict[str, Array]) -> dict[str, Array]:
    """Queries routed, uniform, and by each block that these inputs reach, alone."""
    uniform = joint.queries(vectors, UNIFORM)
    found = {"routed": joint.queries(vectors, ROUTED), "uniform": uniform}
    for name in joint.router.space.names:
        only = np.zeros_like(uniform)
        place = joint.router.space.block(name)
        only[:, place] = uniform[:, place]
        if only.any():
            found[name] = only
    return found


def _places(scores: Array, owner: Array) -> Array:
    """Places of each caption's photo, from 0."""
    return np.asarray((scores > scores[np.arange(len(owner)), owner][:, None]).sum(axis=1))


def _first(scores: Array, owner: Array) -> Array:
    """Places of the best of each photo's captions, from 0."""
    own = np.where(owner[None] == np.arange(len(scores))[:, None], scores, -np.inf).max(axis=1)
    return np.asarray((scores > own[:, None]).sum(axis=1))


def _reciprocal(places: Array) -> Array:
    return 1 / (1 + places)


def _by_photo(places: Array, owner: Array) -> Array:
    """The mean reciprocal rank of each photo's captions, which are no independent draws."""
    return np.bincount(owner, _reciprocal(places)) / np.bincount(owner)


def _row(name: str, places: Array) -> dict[str, object]:
    values = {f"R@{at}": float((places < at).mean()) for at in TARGETS}
    return {"queries": name, **values, "MRR": float(_reciprocal(places).mean())}
