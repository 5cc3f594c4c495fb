"""What a binding claims of itself: its measurements, held against what they were meant to reach.

What `scripts/bench binding` found on data of its own is read from its report, and shown as it was judged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.core.errors import InvalidInput
from tieback.recipes.binding_report.pictures import figure

DECOUPLING = 0.9
"""The least share of held-out texts whose modality the text router is to tell."""

MAIN = ("MRR", "R@10", "R@1")
"""The measure that stands for a task: the first of these that was taken, else the task's first."""

LARGEST_REPORT = 4 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A value beside its target, both as they are written; `met` is None where nothing was aimed at."""

    name: str
    value: str
    target: str
    met: bool | None
    note: str = ""


def claims_of(metrics: Mapping[str, Any]) -> list[Claim]:
    """What the measurements at binding say."""
    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for one in metrics.get("retrieval", ()):
        tasks.setdefault(one["task"], []).append(one)
    found = [claim for taken in tasks.values() for claim in _of_retrieval(min(taken, key=_rank))]
    return [*found, *_of_decoupling(metrics.get("decoupling") or {})]


def read_claims(path: Path) -> list[Claim]:
    """The claims of a benchmark's report. InvalidInput where the file is none."""
    try:
        if path.stat().st_size > LARGEST_REPORT:
            raise ValueError("it is too large")
        return [_of_benchmark(one) for one in json.loads(path.read_bytes())["claims"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidInput(
            f"{path.name} is no report of scripts/bench ({error}); make one: "
            "scripts/bench binding --data DIR --json FILE",
            field="claims",
        ) from None


def _of_retrieval(one: Mapping[str, Any]) -> Iterator[Claim]:
    rows = {row["name"]: row for row in one["rows"]}
    task = f"{one['task']}, {one['measure']}"
    singles = [row for name, row in rows.items() if name.startswith("best single")]
    pairs = [("routed", "uniform", rows.get("uniform")), ("uniform", "best single", _best(singles))]
    for better, worse, other in pairs:
        if better in rows and other is not None:
            yield _above(f"{task}: {better} above {worse}", rows[better], other)


def _rank(one: Mapping[str, Any]) -> int:
    return MAIN.index(one["measure"]) if one["measure"] in MAIN else len(MAIN)


def _best(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return max(rows, key=lambda row: float(row["value"]), default=None)


def _above(name: str, better: Mapping[str, Any], worse: Mapping[str, Any]) -> Claim:
    gain = better["value"] - worse["value"]
    note = f"{figure(better['value'], 3)} and {figure(worse['value'], 3)}"
    if better.get("low") is not None and worse.get("high") is not None and better["low"] <= worse["high"]:
        note += "; their intervals overlap"
    return Claim(name, f"{'+' if gain > 0 else ''}{figure(gain, 3)}", "> 0", gain > 0, note)


def _of_decoupling(found: Mapping[str, Any]) -> Iterator[Claim]:
    accuracy, without = found.get("accuracy"), found.get("without")
    if accuracy is None:
        return
    yield Claim(
        "Texts whose modality the router tells",
        figure(accuracy, 3),
        f">= {DECOUPLING:g}",
        accuracy >= DECOUPLING,
        "" if without is None else f"{figure(without, 3)} without the decoupling objective",
    )
    if without is not None and math.isfinite(without):
        yield Claim(
            "What the decoupling objective adds",
            f"{'+' if accuracy > without else ''}{figure(accuracy - without, 3)}",
            "> 0",
            accuracy > without,
        )


def _of_benchmark(one: Mapping[str, Any]) -> Claim:
    value = one["value"]
    written = "–" if value is None else f"{value:g} {one['unit']}".strip().replace("-", "−")
    notes = [] if one.get("low") is None else [f"[{one['low']:g}, {one['high']:g}]".replace("-", "−")]
    notes += [one["note"]] if one.get("note") else []
    return Claim(str(one["name"]), written, str(one["target"]), one["met"], "; ".join(notes))
