"""What the code holds of each of the papers in papers.yaml, for docs/methods.md.

A file belongs to a paper if its docstring names the paper. What is served, made by a recipe, only a baseline,
or only studied follows from where the file lies. The contract says in which fields requests name a family's
methods, and benchmarks/results which claims were met.
"""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SERVICES = ROOT / "services/tieback"
BENCHMARKS = ROOT / "benchmarks"
CLAIMS = BENCHMARKS / "claims"
RESULTS = ROOT / "benchmarks/results"

SERVED, RECIPE, BASELINE, STUDIED, NOT_BUILT = (
    "served",
    "recipe",
    "baseline",
    "studied only",
    "not built yet",
)
STATES = (SERVED, RECIPE, BASELINE, STUDIED, NOT_BUILT)


@dataclass(frozen=True, slots=True)
class Paper:
    """A row of papers.yaml."""

    number: int
    title: str
    family: str
    arxiv: Sequence[str]

    def is_named_in(self, text: str) -> bool:
        """Whether a text names it, by an id or, where there is none, by the title."""
        return any(key in text for key in self.arxiv or (self.title,))


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the code with its docstring."""

    path: Path
    text: str

    @property
    def method(self) -> tuple[str, str] | None:
        """The family and the name, where it is a method's file."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        named = parts[:3] == ("services", "tieback", "methods") and len(parts) == 5
        return (parts[3], parts[4]) if named else None

    @property
    def is_recipe(self) -> bool:
        """Whether it makes something once, of weights."""
        return self.path.is_relative_to(SERVICES / "recipes")

    @property
    def is_claim(self) -> bool:
        """Whether it tries a claim of the paper."""
        return self.path.is_relative_to(BENCHMARKS)

    def is_baseline_of(self, paper: Paper) -> bool:
        """Whether the paragraph that names the paper says that this is a baseline for it."""
        return any(paper.is_named_in(one) and "baseline" in one.lower() for one in self.text.split("\n\n"))


@dataclass(frozen=True, slots=True)
class Row:
    """A paper with what there is of it: `built` are methods and other files, `claims` topics."""

    paper: Paper
    state: str
    built: Sequence[Source]
    claims: Sequence[Source]
    met: tuple[int, int]


def papers() -> list[Paper]:
    """All of them, by number."""
    listed = yaml.safe_load((DOCS / "papers.yaml").read_text(encoding="utf-8"))
    return sorted((Paper(**one) for one in listed), key=lambda paper: paper.number)


def rows(requested: Mapping[str, Any]) -> list[Row]:
    """A row for each paper; `requested` are the families whose methods requests name."""
    sources, used, results = _sources(), _used_families(), _results()
    found = []
    for paper in papers():
        naming = [one for one in sources if paper.is_named_in(one.text)]
        claims = [one for one in naming if one.is_claim]
        built = [one for one in naming if not one.is_claim and (one.method is None or one.method[0] in used)]
        met = [is_met for name, is_met in results if paper.is_named_in(name)]
        state = _state(paper, built, requested) if built else STUDIED if naming else NOT_BUILT
        found.append(Row(paper, state, built, claims, (sum(met), len(met))))
    return found


def table(requested: Mapping[str, str]) -> list[str]:
    """The lines of the table; `requested` are by family the fields that name its methods."""
    lines = ["| | paper | family | state | where | claim |", "|---|---|---|---|---|---|"]
    for row in rows(requested):
        paper = row.paper
        ids = ", ".join(f"[{key}](https://arxiv.org/abs/{key})" for key in paper.arxiv)
        where = "; ".join(_where(one, paper, requested) for one in row.built)
        lines.append(
            f"| {paper.number} | {paper.title}{f' ({ids})' if ids else ''} | {paper.family} | {row.state} "
            f"| {where or '–'} | {_claim(row)} |"
        )
    return lines


def _state(paper: Paper, built: Sequence[Source], requested: Mapping[str, Any]) -> str:
    whole = [one for one in built if not one.is_baseline_of(paper)]
    if not whole:
        return BASELINE
    serving = [
        one for one in whole if (one.method[0] in requested if one.method is not None else not one.is_recipe)
    ]
    return SERVED if serving else RECIPE


def _where(source: Source, paper: Paper, requested: Mapping[str, str]) -> str:
    if source.path.parent == SERVICES / "recipes/trained":
        return f"`tieback train {source.path.stem}`"
    if source.method is None:
        return f"`{source.path.relative_to(SERVICES)}`"
    family, name = source.method
    said = f"[{family} {name}](#{family}-{name})"
    if source.is_baseline_of(paper):
        said += ", a baseline"
    return f"{said} in {requested[family]}" if family in requested else said


def _claim(row: Row) -> str:
    if not row.claims:
        return "–"
    topics = [one.path.stem for one in row.claims if one.path.parent == CLAIMS]
    commands = [f"claims --topics {' '.join(topics)}"] if topics else []
    commands += [one.path.stem for one in row.claims if one.path.parent == BENCHMARKS]
    met, count = row.met
    measured = f"{met} of {count} met: " if count else "not measured: "
    return measured + ", ".join(f"`scripts/bench {command}`" for command in commands)


@functools.cache
def _sources() -> tuple[Source, ...]:
    return tuple(_read())


def _read() -> Iterator[Source]:
    for path in (
        *sorted(SERVICES.rglob("*.py")),
        *sorted(CLAIMS.glob("*.py")),
        *sorted(BENCHMARKS.glob("*.py")),
    ):
        # Of a family's folder, what is its own and what methods share are no methods.
        shared = path.is_relative_to(SERVICES / "methods") and path.name.startswith("_")
        if "v1" not in path.parts and not shared:
            yield Source(path, ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")


def _used_families() -> set[str]:
    """The families that anything beside the methods imports."""
    methods = SERVICES / "methods"
    names = {path.name for path in methods.iterdir() if path.is_dir()}
    texts = [
        path.read_text(encoding="utf-8")
        for path in SERVICES.rglob("*.py")
        if not path.is_relative_to(methods)
    ]
    return {name for name in names if any(f"tieback.methods.{name} import" in text for text in texts)}


def _results() -> list[tuple[str, bool]]:
    """The claims that were measured, by name, and whether each was met."""
    found = []
    for path in sorted(RESULTS.glob("*.json")):
        measured = json.loads(path.read_text(encoding="utf-8"))
        found += [(one["name"], bool(one["met"])) for one in measured.get("claims", ())]
    return found
