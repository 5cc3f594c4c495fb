"""The one format of every benchmark: the machine, the command, the claims that were tried, the tables behind.

    {"machine": …, "command": …,
     "claims": [{"name", "value", "unit", "target", "met", "low", "high", "note", "interval", "of"}],
     "tables": …}

A claim's `target` is a string such as "<= 1.5"; `low` and `high` are the ends of an interval, and `interval`
says of which: `BOOTSTRAP` of rounds or `SEEDS`. `value` and `met` are null where it could not be measured,
and `note` says why. A claim of a paper has `of`. It is met where the worse end of its interval reaches the
target, and without an interval nothing is decided: `met` is null.
"""

from __future__ import annotations

import json
import operator
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import psutil

from benchmarks.statistics import Interval

PACKAGES = ("tieback", "onnxruntime", "grpcio", "ray", "numpy", "tokenizers", "faiss-cpu", "lancedb")
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
Row = Mapping[str, Any]
BOOTSTRAP, SEEDS = "95 %, bootstrap of rounds", "lowest and highest seed"
"""What an interval is."""


@dataclass(frozen=True)
class Tried:
    """The paper that a claim is of, and what it was tried with: docs/methods.md counts by these.

    `paper` is its number in docs/papers.yaml. The `comparison` is the paper's own, made small, or one of
    ours. `product` says that the product's code runs in it.
    """

    paper: int
    comparison: Literal["paper", "ours"]
    product: bool
    data: Literal["real", "generated"]


@dataclass(frozen=True)
class Claim:
    """Something the project says of itself, and what was found."""

    name: str
    value: float | None
    unit: str
    target: str
    met: bool | None
    low: float | None = None
    high: float | None = None
    note: str = ""
    interval: str = ""
    of: Tried | None = None


@dataclass
class Report:
    """Findings of a run."""

    claims: list[Claim] = field(default_factory=list)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=lambda: machine())
    command: str = ""

    def claim(
        self,
        name: str,
        value: float | Interval | None,
        unit: str,
        target: str,
        *,
        low: float | None = None,
        high: float | None = None,
        note: str = "",
        interval: str = "",
        of: Tried | None = None,
    ) -> None:
        """Holds a value against its target, for instance "<= 1.5"; of a paper's claim, the interval."""
        if isinstance(value, Interval):
            value, low, high = value
        met = reached(value if of is None else worse_end(target, low, high), target)
        self.claims.append(
            Claim(name, _rounded(value), unit, target, met, _rounded(low), _rounded(high), note, interval, of)
        )

    def table(self, name: str, rows: Sequence[Row]) -> None:
        """Adds rows of numbers that the claims rest on."""
        self.tables[name] = [{key: _rounded(value) for key, value in row.items()} for row in rows]

    def json(self) -> str:
        """The report for programs."""
        self.machine["load_after"] = _load()
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def text(self) -> str:
        """The report for people."""
        lines = [_of_machine(self.machine), ""]
        for name, rows in self.tables.items():
            lines += [name, *_aligned(rows), ""]
        for claim in self.claims:
            verdict = {True: "met", False: "NOT MET", None: "not measured"}[claim.met]
            shown = "–" if claim.value is None else f"{claim.value} {claim.unit}"
            named = f" ({claim.interval})" if claim.interval else ""
            interval = "" if claim.low is None else f" [{claim.low}, {claim.high}]{named}"
            note = f"  ({claim.note})" if claim.note else ""
            lines.append(f"{verdict:>12}  {claim.name}: {shown}{interval}, target {claim.target}{note}")
        return "\n".join(lines)


def worse_end(target: str, low: float | None, high: float | None) -> float | None:
    """The end of an interval that decides about a target: ">= 5" holds where the lower end is 5 or more."""
    return low if target.startswith(">") else high


def reached(value: float | None, target: str) -> bool | None:
    """Compare a value with a target such as "<= 1.5"; None where there is no value."""
    sign, _, bound = target.partition(" ")
    return None if value is None else COMPARISONS[sign](value, float(bound))


def machine() -> dict[str, Any]:
    """Origin of the numbers: processor, cores, memory, load, versions. Names no host and no path."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": _load(),
        "versions": {name: found for name in PACKAGES if (found := _version(name)) is not None},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _of_machine(found: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    load = ", ".join(str(value) for value in found["load_before"])
    return (
        f"{found['processor']}, {found['usable_cores']} of {found['cores']} cores, {found['memory_gb']} GB, "
        f"load before {load}\nPython {found['python']}; {versions}"
    )


def _aligned(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ["  (nothing)"]
    names = list(dict.fromkeys(name for row in rows for name in row))  # a row may lack some
    header = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in header) for column in range(len(header[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in header
    ]
