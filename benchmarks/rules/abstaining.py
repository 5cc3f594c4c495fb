"""Rules that leave a question open: what each says of questions that a passage answers, and does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tieback.grounding.named import identifiers, unnamed

from benchmarks.data_folder import read_rows
from benchmarks.report import Report

LONGEST = 4000
"""Characters of a passage that are read."""


def _lacks_identifier(question: str, passage: str) -> bool:
    missing = unnamed(question, [passage])
    return any(one.endswith(name) for one in missing for name in identifiers(question))


def _lacks_name(question: str, passage: str) -> bool:
    return bool(unnamed(question, [passage])) and not _lacks_identifier(question, passage)


RULES: Mapping[str, Callable[[str, str], bool]] = {
    "an identifier or version is not there": _lacks_identifier,
    "a name or year is not there": _lacks_name,
}


def measured(report: Report, folder: Path, _: object, most: int) -> None:
    """Rows by rule and source, but for sources of which a rule says nothing."""
    every = _asked(folder / "answerable" / "dev_domains.jsonl", most)
    rows = []
    for name, rule in RULES.items():
        found: dict[str, list[tuple[bool, bool]]] = {}
        for source, row in every:
            left = rule(row["question"], f"{row.get('title', '')} {row['passage'][:LONGEST]}")
            for key in (source, "all"):
                found.setdefault(key, []).append((row["answerable"], left))
        rows += [_row(name, source, own) for source, own in found.items() if any(left for _, left in own)]
    report.table("questions left open, by rule and source", rows)


def _row(rule: str, source: str, own: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    opened = [left for answerable, left in own if not answerable]
    answered = [left for answerable, left in own if answerable]
    said = sum(opened) + sum(answered)
    return {
        "rule": rule, "source": source, "open": len(opened), "left open": sum(opened),
        "answerable": len(answered), "left open wrongly": sum(answered), "precision": sum(opened) / said,
    }  # fmt: skip


def _asked(path: Path, most: int) -> list[tuple[str, dict[str, Any]]]:
    """At most so many questions of each source that have an answer, and that have none, evenly taken."""
    found: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for row in read_rows(path):
        found.setdefault((row["source"], row["answerable"]), []).append(row)

    def chosen() -> Iterator[tuple[str, dict[str, Any]]]:
        for (source, _), own in sorted(found.items()):
            count = min(most, len(own))
            yield from ((source, own[len(own) * place // count]) for place in range(count))

    return list(chosen())
