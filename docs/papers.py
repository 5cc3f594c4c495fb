"""The papers of papers.yaml with what was measured of each, for docs/methods.md.

A row's state, how a user reaches it and the tests that prove it are declared in papers.yaml. What was tried
is read from benchmarks/results: a claim of a paper carries its number, whose comparison it is, and which data
it is on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parent
ROOT = DOCS.parent
RESULTS = ROOT / "benchmarks/results"

DONE, IN_PART, BASELINE, STUDIED, ABSENT = STATES = ("done", "in part", "baseline", "studied", "absent")
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Paper:
    """A row of papers.yaml."""

    number: int
    title: str
    arxiv: Sequence[str]
    state: str
    by: Sequence[str] = ()
    proofs: Sequence[str] = ()
    lacks: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """A claim of a paper in a file of results."""

    file: str
    claim: Mapping[str, Any]

    @property
    def paper(self) -> int:
        """The number of its paper."""
        return int(self.claim["of"]["paper"])

    @property
    def is_own(self) -> bool:
        """True for a comparison that the paper makes."""
        return bool(self.claim["of"]["comparison"] == "paper")

    @property
    def is_served_and_real(self) -> bool:
        """True where the product's code ran, on data that were not made for it."""
        return bool(self.claim["of"]["product"] and self.claim["of"]["data"] == "real")

    @property
    def verdict(self) -> str:
        """Met or missed, where there is an interval."""
        if self.claim["value"] is None:
            return "not measured"
        return {True: "met", False: "missed", None: "without an interval"}[self.claim["met"]]


def papers() -> list[Paper]:
    """All of them, by number."""
    listed = yaml.safe_load((DOCS / "papers.yaml").read_text(encoding="utf-8"))
    return sorted((Paper(**one) for one in listed), key=lambda paper: paper.number)


def tried() -> list[Tried]:
    """Claims of all papers, by number."""
    return sorted(_tried(), key=lambda one: one.paper)


def table(requested: Mapping[str, str]) -> list[str]:
    """A row for each paper; `requested` are by family the fields of requests that name its methods."""
    lines = [
        "| | paper | state | reached by | the paper's own comparison | on real data |",
        "|---|---|---|---|---|---|",
    ]
    every = tried()
    for paper in papers():
        ids = ", ".join(f"[{key}](https://arxiv.org/abs/{key})" for key in paper.arxiv)
        by = "; ".join(_reached(one, requested) for one in paper.by)
        its = [one for one in every if one.paper == paper.number]
        own = [one for one in its if one.is_own]
        real = [one for one in its if one.is_served_and_real]
        lines.append(
            f"| {paper.number} | {paper.title}{f' ({ids})' if ids else ''} | {paper.state} "
            f"| {by or NOTHING} | {counted(own)} | {counted(real)} |"
        )
    return lines


def remarks() -> list[str]:
    """Remarks on what is missing of papers that are not done, and on what was run and left out."""
    return [
        f"- **{paper.number}**, {paper.state}: {' '.join([paper.lacks, *paper.notes]).strip()}"
        for paper in papers()
        if paper.lacks or paper.notes
    ]


def claims() -> list[str]:
    """Every claim of a paper, with what was found."""
    lines = [
        "| | claim | found | aim | | comparison | product | data | results |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in tried():
        claim, of = one.claim, one.claim["of"]
        name = f"{claim['name']}{f' ({note})' if (note := claim['note']) else ''}".replace("|", "\\|")
        ends = "" if claim["low"] is None else f" [{claim['low']:.3g}, {claim['high']:.3g}]"
        found = NOTHING if claim["value"] is None else f"{claim['value']:.4g} {claim['unit']}".strip() + ends
        lines.append(
            f"| {one.paper} | {name} | {found} | {claim['target']} | {one.verdict} | {of['comparison']} "
            f"| {'yes' if of['product'] else 'no'} | {of['data']} "
            f"| [{one.file}](../benchmarks/results/{one.file}) |"
        )
    return lines


def counted(found: Sequence[Tried]) -> str:
    """Counts by verdict, in words."""
    verdicts = [one.verdict for one in found]
    return ", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(sorted(verdicts))) or "not run"


def _reached(by: str, requested: Mapping[str, str]) -> str:
    """A method, "family name", with the fields that name it; anything else as it is."""
    family, _, name = by.partition(" ")
    if not name.isidentifier():
        return by
    link = f"[{by}](#{family}-{name})"
    return f"{link} in {requested[family]}" if family in requested else link


def _tried() -> Iterator[Tried]:
    for path in sorted(RESULTS.glob("*.json")):
        measured = json.loads(path.read_text(encoding="utf-8"))
        for claim in measured.get("claims", ()):
            if claim.get("of"):
                yield Tried(path.name, claim)
