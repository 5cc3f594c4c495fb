"""Rules that find that two sentences disagree: each kind, on claims that people held against evidence.

`benchmarks/results/rules-left-out.json` has the rules for other words too, which it led to remove.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.text.passage_units import in_bytes
from tieback.core.text.visible import as_displayed
from tieback.grounding.conflicts import LONGEST, MOST, NEAR
from tieback.grounding.differences import difference
from tieback.methods.grounding import Statement, words_of
from tieback_contract.claims import ConflictKind

from benchmarks.data_folder import read_rows
from benchmarks.report import Report
from benchmarks.rules.networks import Networks

PAIRS = Path(__file__).parent / "made_pairs" / "pairs.jsonl"

FALSE = {"bump": "unsupported"}
"""The label of false claims, where it is not `contradicted`."""
SETS = ("bump", "nli4ct", "nli4ct-edits", "control", "covidfact", "climate-fever", "sufficient-fever",
        "sufficient-vitaminc")  # fmt: skip
FILES = ("dev_unseen_domains.jsonl", "dev.jsonl")
NAMED = 0.9
"""The share of what a rule names that should be named."""


@dataclass(frozen=True, slots=True)
class Held:
    """A claim against sentences of its evidence; whether people found it false."""

    source: str
    claim: str
    sentences: Sequence[str]
    is_false: bool


def measured(report: Report, folder: Path, networks: Networks, most: int) -> None:
    """Rows by kind and set, but for sets of which nothing is named; and of the made pairs by split."""
    every = list(held(folder / "grounding", most))
    read = networks.statements([text for one in every for text in (one.claim, *one.sentences)])
    named = [
        {kind for text in one.sentences if (kind := kind_of(read[one.claim], read[text]))} for one in every
    ]
    rows = [
        row
        for kind in ConflictKind
        if kind is not ConflictKind.STATEMENT
        for row in _rows(kind, every, [kind in found for found in named])
    ]
    report.table("conflicts by rule and set", rows)
    false, true = ([bool(found) for one, found in zip(every, named, strict=True) if one.is_false is wanted]
                   for wanted in (True, False))  # fmt: skip
    report.claim(
        "share of the claims that are named that are false",
        sum(false) / (sum(false) + sum(true)) if any((*false, *true)) else None,
        "",
        f">= {NAMED}",
        note=f"{sum(false)} of {len(false)} false, {sum(true)} of {len(true)} true",
    )
    report.table("made pairs in other words", list(_pairs(networks)))


def kind_of(one: Statement, other: Statement) -> ConflictKind | None:
    """Differences of two sentences that are near enough to be compared."""
    differs = difference(one.text, other.text) if float(one.vector @ other.vector) >= NEAR else None
    return None if differs is None else differs.kind


def held(folder: Path, most: int) -> Iterator[Held]:
    """At most so many of each label of each set, evenly taken."""
    rows: dict[tuple[str, bool], list[Held]] = {}
    for name in FILES:
        for row in read_rows(folder / name):
            source, label = row["source"], row["label"]
            is_false = label == FALSE.get(source, "contradicted")
            if source in SETS and (is_false or label == "supported"):
                one = Held(
                    source, as_displayed(row["claim"]), nearest(row["claim"], row["evidence"]), is_false
                )
                rows.setdefault((source, is_false), []).append(one)
    for some in rows.values():
        count = min(most, len(some))
        yield from (some[len(some) * place // count] for place in range(count))


def nearest(claim: str, evidence: str) -> list[str]:
    """The sentences that share most words with a claim, as many as are compared."""
    asked = {*words_of(claim).stems}
    texts = [unit.read for unit, _ in in_bytes(evidence, "") if len(unit.read) <= LONGEST]
    texts.sort(key=lambda text: -len(asked.intersection(words_of(text).stems)))
    return [as_displayed(text) for text in texts[:MOST]]


def _rows(name: str, every: Sequence[Held], named: Sequence[bool]) -> Iterator[dict[str, Any]]:
    for source in (*SETS, "all"):
        own = [
            (one.is_false, told)
            for one, told in zip(every, named, strict=True)
            if source in (one.source, "all")
        ]
        false, true = ([told for is_false, told in own if is_false is wanted] for wanted in (True, False))
        if source != "all" and not any((*false, *true)):
            continue
        recall, alarms = float(np.mean(false or [False])), float(np.mean(true or [False]))
        yield {
            "rule": name, "set": source, "false": len(false), "named false": sum(false), "true": len(true),
            "named true": sum(true), "recall": recall, "false alarms": alarms, "gain": recall - alarms,
            "precision": sum(false) / (sum(false) + sum(true)) if any((*false, *true)) else None,
        }  # fmt: skip


def pairs(path: Path = PAIRS) -> list[dict[str, Any]]:
    """The made pairs, as their README says. DataError where they cannot be read."""
    return list(read_rows(path))


def _pairs(networks: Networks) -> Iterator[dict[str, Any]]:
    every = pairs()
    read = networks.statements([as_displayed(one[key]) for one in every for key in ("one", "other")])
    told: dict[tuple[str, bool], list[bool]] = {}
    for one in every:
        own, its = (read[as_displayed(one[key])] for key in ("one", "other"))
        told.setdefault((one["split"], one["conflict"]), []).append(kind_of(own, its) is not None)
    for split in dict.fromkeys(split for split, _ in told):
        right, wrong = told[split, True], told[split, False]
        yield {"split": split, "conflicts": len(right), "named": sum(right), "called wrongly": sum(wrong)}
