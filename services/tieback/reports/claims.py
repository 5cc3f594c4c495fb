"""Claims, what was measured, and whether each was met, from measurements or a benchmark's report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.core.errors import InvalidInput
from tieback.reports.pictures import figure

LARGEST_REPORT = 4 << 20  # bytes


@dataclass(frozen=True, slots=True)
class PublishedClaim:
    """A value beside its target, both as they are written; `met` is None where nothing was aimed at."""

    name: str
    value: str
    target: str
    met: bool | None
    note: str = ""


def gain(name: str, value: float, note: str = "") -> PublishedClaim:
    """The claim that something is more than something else, by its difference."""
    return PublishedClaim(name, f"{'+' if value > 0 else ''}{figure(value, 3)}", "> 0", value > 0, note)


def read_claims(path: Path) -> list[PublishedClaim]:
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


def _of_benchmark(one: Mapping[str, Any]) -> PublishedClaim:
    value = one["value"]
    written = "–" if value is None else f"{value:g} {one['unit']}".strip().replace("-", "−")
    notes = [] if one.get("low") is None else [f"[{one['low']:g}, {one['high']:g}]".replace("-", "−")]
    notes += [one["note"]] if one.get("note") else []
    return PublishedClaim(str(one["name"]), written, str(one["target"]), one["met"], "; ".join(notes))
