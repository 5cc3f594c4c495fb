"""The table of architectures in docs/own-models.md, by benchmarks/results/architectures.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).parents[1] / "benchmarks/results/architectures.json"


def architectures_table() -> str:
    """A row for each small model that was exported."""
    rows = json.loads(MEASURED.read_text(encoding="utf-8"))["tables"]["architectures"]
    head = ("architecture", "use", "export", "parity", "int8", "batch", "long", "layers")
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(_cells(one)) for one in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _cells(row: Mapping[str, Any]) -> list[str]:
    named = [f"`{row['architecture']}`", row["use"]]
    if "refused" in row:
        return [*named, f"not: {row['refused']}".replace("|", "\\|"), *["–"] * 5]
    export = row["export"].removeprefix("by ")
    return [
        *named,
        export,
        f"{row['parity']:.0e}",
        _lower(row),
        *("–" if row[key] is None else str(row[key]) for key in ("inputs", "longest", "layers")),
    ]


def _lower(row: Mapping[str, Any]) -> str:
    if row["int8"] is not None:
        return f"{row['int8']:.3f}"
    return "float32 only" if row["int8_apart"] is None else f"± {row['int8_apart']:.1g}"
