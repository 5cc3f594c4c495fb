"""The tables of docs/numbers.md and of the README, by the files of benchmarks/results.

A claim of a paper has its place in docs/methods.md and is left out here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "benchmarks/results"
HEAD = ("| | found | aim | | |", "|---|---|---|---|---|")
VERDICTS = {True: "met", False: "**missed**", None: "–"}

AREAS: Mapping[str, Sequence[str]] = {
    "Speed of the server": (
        "speed", "load", "overhead", "overload", "footprint", "soak", "doors", "codec", "client",
        "beside_writes", "explain", "quantisation", "rollout",
    ),
    "Safety": ("kill", "attack", "fuzz"),
    "Search": (
        "pipeline", "retrieval", "documents", "feedback", "highlights", "item_limit", "time_budget", "ranker",
        "questions", "own_kind", "languages", "followups",
    ),
    "Vectors, memory and many sections": (
        "formats", "learned_codes", "scale", "milvus", "muvera", "token_vectors", "reduction", "matryoshka",
        "exits",
    ),
    "Photos and sounds": (
        "binding", "photo_search", "instances", "object_questions", "recognition",
        "composed", "conditions", "marks",
    ),
    "Answers": (
        "answer_times", "generation", "left-out-quotes", "left-out-languages", "decision", "truthfulness",
        "compression", "demonstrations", "fusionsent", "weight_bits", "rules",
    ),
    "Claims and their sources": ("left-out", "grounding", "verdicts"),
    "Models of your own": ("architectures", "families", "fusion-joint_space"),
    "Models that change": ("upgrade", "merging", "learned_merging", "matched_experts", "expert_adapters",
                           "heads"),
}  # fmt: skip
"""The headings of the page, with how the files of each begin; the first that fits has the file."""

LOCAL = "tieback, local: "
HEADLINES = (
    ("short texts one by one, 32 in flight: share of the best bare loop around ONNX Runtime", "speed",
     LOCAL + "share of the limit, short texts, requests of 1, 32 in flight"),
    ("the same, times the best of five other servers", "speed",
     LOCAL + "times the best peer, short texts, requests of 1, 32 in flight"),
    ("mixed texts one by one, times the best of five other servers", "speed",
     LOCAL + "times the best peer, mixed texts, requests of 1, 32 in flight"),
    ("one short text: added to the bare session", "speed", LOCAL + "adds to the p50 of one short text"),
    ("answered in time at three times the capacity, share of the capacity", "speed",
     LOCAL + "goodput at 3 × capacity, share of the capacity"),
    ("memory of one process with all models, after use", "footprint", "local: resident memory after use"),
    ("search of a library of texts, photos and sounds, mean reciprocal rank", "pipeline",
     "mixed: the default's MRR"),
    ("photos found by captions of people, among the first ten of 500", "binding-captions",
     "captions → photos R@10, served: stored by parts, found through the index"),
    ("verdicts on claims of domains that nothing was chosen by, balanced accuracy", "left-out-checker",
     "balanced accuracy, mean over sources"),
    ("quotes that are right and shown, on such domains", "left-out-quotes",
     "right and shown, mean over sources"),
    ("acknowledged writes lost in 300 kills", "kills", "acknowledged writes lost"),
)  # fmt: skip
"""Rows of the README: the words, the file, and the claim."""


@dataclass(frozen=True)
class Result:
    """A file of results."""

    path: Path

    @property
    def name(self) -> str:
        """Its name without the suffix."""
        return self.path.stem

    @cached_property
    def measured(self) -> Mapping[str, Any]:
        """Its content."""
        found: Mapping[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return found

    @property
    def claims(self) -> list[Mapping[str, Any]]:
        """Its claims that are of no paper."""
        return [one for one in self.measured.get("claims", ()) if not one.get("of")]

    @property
    def area(self) -> str:
        """The heading that it stands under."""
        for area, beginnings in AREAS.items():
            if self.name.startswith(tuple(beginnings)):
                return area
        return "Methods"


def results() -> list[Result]:
    """All files by name."""
    return [Result(path) for path in sorted(RESULTS.glob("*.json"))]


def headlines() -> str:
    """The table of the README."""
    found = {one.name: one for one in results()}
    rows = []
    for words, name, claim in HEADLINES:
        one = next((one for one in found[name].claims if one["name"] == claim), None)
        if one is None:
            raise LookupError(f"{name}.json has no claim {claim!r}: name another in docs/numbers_tables.py")
        rows.append(f"| {words} | {_found(one)} | {_aim(one)} |")
    return "\n".join(["| measured | found | aim |", "|---|---|---|", *rows])


def tables() -> str:
    """Every file with its command, its machine and its claims, by area."""
    every = results()
    lines = ["", *_counts(every)]
    for area in [*AREAS, "Methods"]:
        shown = [one for one in every if one.area == area and one.claims]
        lines += ["", f"## {area}"] if shown else []
        for one in shown:
            lines += ["", f"### {one.name}", "", _made(one), "", *HEAD, *_rows(one.claims)]
    others = ", ".join(
        f"[{one.name}](../benchmarks/results/{one.path.name})" for one in every if not one.claims
    )
    lines += ["", "## Claims of papers, and tables alone", ""]
    lines += [f"Claims of papers are in [methods.md](methods.md#claims). Files without others: {others}."]
    return "\n".join(lines[1:])


def _counts(every: Sequence[Result]) -> Iterator[str]:
    """Numbers of claims by area that were met, missed, or decided nothing."""
    yield from ("| area | met | missed | not decided |", "|---|---|---|---|")
    for area in [*AREAS, "Methods"]:
        met = [claim["met"] for one in every if one.area == area for claim in one.claims]
        if not met:
            continue  # it has no heading either
        anchor = area.lower().replace(",", "").replace(" ", "-")
        counts = " | ".join(str(met.count(verdict)) for verdict in (True, False, None))
        yield f"| [{area}](#{anchor}) | {counts} |"


def _made(one: Result) -> str:
    machine = one.measured["machine"]
    place = ""
    if isinstance(machine, Mapping):
        load = machine.get("load_before")
        at = f", load {load[0]:.1f} before" if load else ""
        place = f" {machine.get('processor')}, {machine.get('usable_cores')} cores{at}."
    command = one.measured["command"].replace("benchmarks/results/", "")
    return f"`{command}` ([all of it](../benchmarks/results/{one.path.name})).{place}"


def _rows(claims: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in claims:
        cells = (one["name"], _found(one), _aim(one), VERDICTS[one["met"]], one["note"])
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _found(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return "not measured"
    unit = f" {one['unit']}" if one["unit"] else ""
    ends = "" if one["low"] is None else f" [{one['low']:.3g}, {one['high']:.3g}]"
    return f"{one['value']:.4g}{unit}{ends}"


def _aim(one: Mapping[str, Any]) -> str:
    aim: str = one["target"]
    return aim.replace(">=", "≥").replace("<=", "≤")
