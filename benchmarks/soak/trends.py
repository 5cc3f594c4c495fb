"""Trends of what should be flat, and times of calls at the begin and at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.soak.kinds import Ended

FLAT = "resident memory after warm-up grows by"
LEVELS = 10


@dataclass(frozen=True)
class Reading:
    """Readings of the server's process after so many requests, and whether it should be flat by then."""

    requests: int
    values: Mapping[str, int]
    warm: bool


def grown(sizes: Sequence[int]) -> float | None:
    """By how many per cent the highest level lies over the first; a level is the median of a tenth of them.

    None where there are too few for that.
    """
    if len(sizes) < LEVELS:
        return None
    levels = [float(np.median(part)) for part in np.array_split(np.array(sizes), LEVELS)]
    return 100.0 * (max(levels) / levels[0] - 1.0)


def memory_rows(readings: Sequence[Reading]) -> list[Mapping[str, Any]]:
    """The readings as a table."""
    return [
        {
            "requests": one.requests,
            "resident MB": one.values["resident memory"] / 1e6,
            "open files": one.values["open files"],
            "threads": one.values["threads"],
            "warm": one.warm,
        }
        for one in readings
    ]


def latencies(ends: Sequence[Ended], seconds: float, warm_share: float) -> list[Mapping[str, Any]]:
    """Of every kind, the median and the 95th percentile in the first and in the last fifth after warm-up."""
    warm = warm_share * seconds
    part = (seconds - warm) / 5
    rows: list[Mapping[str, Any]] = []
    for kind in sorted({one.kind for one in ends}):
        of_kind = [one for one in ends if one.kind == kind]
        first = [1e3 * one.took for one in of_kind if warm <= one.at < warm + part]
        last = [1e3 * one.took for one in of_kind if one.at >= seconds - part]
        row: dict[str, Any] = {"kind": kind, "requests": len(of_kind)}
        for name, times in (("begin", first), ("end", last)):
            row[f"{name} median ms"] = float(np.median(times)) if times else None
            row[f"{name} p95 ms"] = float(np.percentile(times, 95)) if times else None
        rows.append(row)
    return rows
