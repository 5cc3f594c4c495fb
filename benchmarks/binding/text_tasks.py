"""Text tasks in the joint space, against each text space by itself: they are not to suffer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array

from benchmarks.binding.data import Collection, Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import ROUTED, UNIFORM, Joint
from benchmarks.measures import OMNIBIND, ndcg, spearman
from benchmarks.report import Report
from benchmarks.statistics import Floats, paired

WAYS = {"joint, routed": ROUTED, "joint, uniform": UNIFORM}
ROUTED_NAME = "joint, routed"


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """STS where there are pairs, a search where there are texts."""
    joint = Joint(bound, encoders)
    if data.pairs:
        _compare(data, encoders, joint, report)
    _search(data, encoders, joint, report)


def _compare(data: Data, encoders: Encoders, joint: Joint, report: Report) -> None:
    """Spearman's correlation with what people said; in the joint space the mean of both directions counts."""
    found: dict[str, dict[str, float]] = {}
    for name, rows in data.pairs.items():
        scores = [score for *_, score in rows]
        one = encoders.texts([a for a, _, _ in rows])
        other = encoders.texts([b for _, b, _ in rows])
        for space in one:
            found.setdefault(space, {})[name] = spearman(_cosines(one[space], other[space]), scores)
        stored = joint.documents(one), joint.documents(other)
        for way, routing in WAYS.items():
            forth = _cosines(joint.queries(one, routing), stored[1])
            back = _cosines(joint.queries(other, routing), stored[0])
            found.setdefault(way, {})[name] = spearman(forth + back, scores)
    report.table(
        "STS: Spearman", [{"space": way} | sets | {"mean": _mean(sets)} for way, sets in found.items()]
    )
    best = max((way for way in found if way not in WAYS), key=lambda way: _mean(found[way]))
    least = min(found[ROUTED_NAME][name] - found[best][name] for name in data.pairs)
    report.claim(
        "STS Spearman, mean over the sets: the joint space less the best text space",
        _mean(found[ROUTED_NAME]) - _mean(found[best]), "", ">= 0",
        note=f"{_mean(found[ROUTED_NAME]):.4f} and {_mean(found[best]):.4f} ({best}); "
        f"least of any set {least:.4f}",
    )  # fmt: skip


def _search(data: Data, encoders: Encoders, joint: Joint, report: Report) -> None:
    """nDCG@10 by cosine, of every collection; the best text space is the best of each."""
    rows: list[dict[str, object]] = []
    for name, one in data.collections.items():
        if not one.queries:
            continue
        documents, queries = encoders.texts(one.documents), encoders.texts([text for text, _ in one.queries])
        gained = {space: _gained(queries[space] @ documents[space].T, one) for space in queries}
        stored = joint.documents(documents)
        for way, routing in WAYS.items():
            gained[way] = _gained(joint.queries(queries, routing) @ stored.T, one)
        rows.append({"collection": name, **{way: float(found.mean()) for way, found in gained.items()}})
        best = max((way for way in gained if way not in WAYS), key=lambda way: float(gained[way].mean()))
        difference = paired(gained[ROUTED_NAME], gained[best])
        report.claim(
            f"{name} nDCG@10: routed less the best text space",
            difference,
            "",
            ">= 0",
            of=OMNIBIND,
            note=f"{gained[ROUTED_NAME].mean():.4f} and {gained[best].mean():.4f} ({best})",
        )
    if rows:
        report.table("texts: nDCG@10", rows)


def _gained(scores: Array, one: Collection) -> Floats:
    return np.array([ndcg(row, gains) for row, (_, gains) in zip(scores, one.queries, strict=True)])


def _cosines(one: Array, other: Array) -> Floats:
    return np.asarray((one * other).sum(axis=1))


def _mean(sets: Mapping[str, float]) -> float:
    return float(np.mean(list(sets.values())))
