"""What a binding claims of itself: its measurements, compared with what they were meant to reach."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tieback.reports.claims import PublishedClaim, gain
from tieback.reports.pictures import figure

DECOUPLING = 0.9
"""The least share of held-out texts whose modality the text router is to tell."""

MAIN = ("MRR", "R@10", "R@1")
"""The measure that stands for a task: the first of these that was taken, else the task's first."""


def claims_of(metrics: Mapping[str, Any]) -> list[PublishedClaim]:
    """The claims from the measurements at binding."""
    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for one in metrics.get("retrieval", ()):
        tasks.setdefault(one["task"], []).append(one)
    found = [claim for taken in tasks.values() for claim in _of_retrieval(min(taken, key=_rank))]
    return [*found, *_of_decoupling(metrics.get("decoupling") or {})]


def _of_retrieval(one: Mapping[str, Any]) -> Iterator[PublishedClaim]:
    rows = {row["name"]: row for row in one["rows"]}
    singles = [row for name, row in rows.items() if name.startswith("best single")]
    best = max(singles, key=lambda row: float(row["value"]), default=None)
    pairs = [("routed", "uniform", rows.get("uniform")), ("uniform", "best single", best)]
    for better, worse, other in pairs:
        if better in rows and other is not None:
            name = f"{one['task']}, {one['measure']}: {better} above {worse}"
            yield gain(name, rows[better]["value"] - other["value"], _beside(rows[better], other))


def _rank(one: Mapping[str, Any]) -> int:
    return MAIN.index(one["measure"]) if one["measure"] in MAIN else len(MAIN)


def _beside(better: Mapping[str, Any], worse: Mapping[str, Any]) -> str:
    note = f"{figure(better['value'], 3)} and {figure(worse['value'], 3)}"
    if better.get("low") is not None and worse.get("high") is not None and better["low"] <= worse["high"]:
        note += "; their intervals overlap"
    return note


def _of_decoupling(found: Mapping[str, Any]) -> Iterator[PublishedClaim]:
    accuracy, without = found.get("accuracy"), found.get("without")
    if accuracy is None:
        return
    yield PublishedClaim(
        "Texts whose modality the router tells",
        figure(accuracy, 3),
        f">= {DECOUPLING:g}",
        accuracy >= DECOUPLING,
        "" if without is None else f"{figure(without, 3)} without the decoupling objective",
    )
    if without is not None and math.isfinite(without):
        yield gain("What the decoupling objective adds", accuracy - without)
