"""Rules that find that two sentences disagree: each alone, on claims that people held against evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from tieback.core.displayed import as_displayed
from tieback.core.passage_units import in_bytes
from tieback.grounding import other_words, polarity
from tieback.grounding.conflicts import LONGEST, MOST
from tieback.grounding.differences import difference
from tieback.grounding.other_words import LEANING, NEAR, NEAR_UNASKED, READ_FROM, said_otherwise
from tieback.methods.grounding import Statement, words_of

from benchmarks.generation.other_words import pairs
from benchmarks.report import Report
from benchmarks.rules.networks import Networks

FALSE = {"bump": "unsupported"}
"""The label of false claims, where it is not `contradicted`."""
SETS = ("bump", "nli4ct", "nli4ct-edits", "control", "covidfact", "climate-fever", "sufficient-fever",
        "sufficient-vitaminc")  # fmt: skip
FILES = ("dev_unseen_domains.jsonl", "dev.jsonl")
NAMED = 0.9
"""The share of what a rule names that should be named."""

Rule = Callable[[Statement, Statement], bool]


@dataclass(frozen=True, slots=True)
class Held:
    """A claim against sentences of its evidence; whether people found it false."""

    source: str
    claim: str
    sentences: Sequence[str]
    is_false: bool


def measured(report: Report, folder: Path, networks: Networks, most: int) -> None:
    """Rows by rule and set, but for sets of which a rule names nothing; and of the made pairs by what is left
    out.
    """
    every = list(held(folder / "grounding", most))
    read = networks.statements([text for one in every for text in (one.claim, *one.sentences)])
    rows = []
    for name, rule in rules(networks).items():
        named = [any(rule(read[one.claim], read[text]) for text in one.sentences) for one in every]
        rows += list(_rows(name, every, named))
    report.table("conflicts by rule and set", rows)
    totals = [row for row in rows if row["set"] == "all"]
    for row in totals:
        report.claim(
            f"share of what is named that is false, {row['rule']}",
            row["precision"],
            "",
            f">= {NAMED}",
            note=f"{row['named false']} of {row['false']} false, {row['named true']} of {row['true']} true",
        )
    report.table("made pairs, one part left out", list(_pairs(networks)))


def held(folder: Path, most: int) -> Iterator[Held]:
    """At most so many of each label of each set, evenly taken."""
    rows: dict[tuple[str, bool], list[Held]] = {}
    for name in FILES:
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
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


def rules(networks: Networks) -> Mapping[str, Rule]:
    """Each rule alone; of those in other words, as near as where nothing, or something, is asked."""
    found: dict[str, Rule] = {
        f"exact: {kind}": _exact(kind) for kind in ("number", "date", "name", "negation")
    }
    alone: Mapping[str, Rule] = {
        "quantities": lambda one, other: bool(
            (differs := other_words._of_quantities(one.text, other.text)) and differs[0]
        ),
        "negation in other words": lambda one, other: _turns(one, other, by_opposites=False),
        "opposites": lambda one, other: _turns(one, other, by_opposites=True),
        "network reads both ways": lambda one, other: _reads(networks, one, other),
        "checker denies both ways": lambda one, other: bool(
            networks.denies and networks.denies(one, other) and networks.denies(other, one)
        ),
    }
    for least in (NEAR_UNASKED, NEAR):
        for name, rule in alone.items():
            found[f"{name}, cosine {least}"] = _near(least, rule)
    found["all in other words, as served"] = lambda one, other: (
        said_otherwise(one, other, None, networks.denies, networks.reader) is not None
    )
    return found


def _exact(kind: str) -> Rule:
    def rule(one: Statement, other: Statement) -> bool:
        differs = difference(one.text, other.text)
        return differs is not None and differs.kind.value == kind

    return _near(READ_FROM, rule)


def _near(least: float, rule: Rule) -> Rule:
    return lambda one, other: float(one.vector @ other.vector) >= least and rule(one, other)


def _turns(one: Statement, other: Statement, *, by_opposites: bool) -> bool:
    differs = other_words._turned(one.text, other.text)
    alike = other_words._are_alike(one.text, other.text)
    return differs is not None and alike and (differs.kind.value == "statement") is by_opposites


def _reads(networks: Networks, one: Statement, other: Statement) -> bool:
    return networks.contradiction(one.text, other.text) >= LEANING


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
        recall, alarms = float(np.mean(false or [0])), float(np.mean(true or [0]))
        yield {
            "rule": name, "set": source, "false": len(false), "named false": sum(false), "true": len(true),
            "named true": sum(true), "recall": recall, "false alarms": alarms, "gain": recall - alarms,
            "precision": sum(false) / (sum(false) + sum(true)) if any((*false, *true)) else None,
        }  # fmt: skip


@contextmanager
def _without(part: str) -> Iterator[None]:
    replaced = {
        "quantities": (other_words, "_of_quantities", lambda *_: None),
        "opposites": (polarity, "opposites_of", lambda _: frozenset()),
        "phrases that negate": (polarity, "PHRASES", polarity.re.compile("(?!)")),
        "verbs that negate": (polarity, "VERBS", polarity.re.compile("(?!)")),
        "what turns around": (other_words, "_turned", lambda *_: None),
    }
    if part not in replaced:
        yield
        return
    with patch.object(*replaced[part]):
        yield


def _pairs(networks: Networks) -> Iterator[dict[str, Any]]:
    """How many are named with everything, and without a part."""
    every = pairs()
    read = networks.statements(
        [as_displayed(one[key]) for one in every for key in ("question", "one", "other")]
    )
    parts = ("nothing", "quantities", "opposites", "phrases that negate", "verbs that negate",
             "what turns around", "network", "checker", "all in other words")  # fmt: skip
    for part in parts:
        told: dict[tuple[str, bool], list[bool]] = {}
        with _without(part):
            for one in every:
                asked, own, its = (read[as_displayed(one[key])] for key in ("question", "one", "other"))
                denies = None if part == "checker" else networks.denies
                reader = None if part == "network" else networks.reader
                differs = difference(own.text, its.text)
                if differs is None and part != "all in other words":
                    differs = said_otherwise(own, its, asked, denies, reader)
                told.setdefault((one["split"], one["conflict"]), []).append(differs is not None)
        for split in dict.fromkeys(split for split, _ in told):
            yield {
                "without": part, "split": split, "conflicts": len(told[split, True]),
                "named": sum(told[split, True]), "called wrongly": sum(told[split, False]),
                "recall": float(np.mean(told[split, True])),
            }  # fmt: skip
