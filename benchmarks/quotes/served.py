"""Measures of quotes as they are served: by source, by level, and of open questions by their kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tieback.operations.upgrades.measures import MeasuredRecall
from tieback_client.shown import Level

from benchmarks.classification import auc, mean
from benchmarks.left_out import claim_mean
from benchmarks.quotes.outcomes import Outcome
from benchmarks.report import Report

AIMS = {
    "right and shown": ">= 0.38",
    "wrong and ticked": "<= 0.02",
    "wrong and shown, middle level": "<= 0.15",
    "abstained rightly": ">= 0.22",
}
"""Those of issue 29, of the twelve sources of domains."""
BY_WORDS = ", by words alone"
"""Counted as issue 29 does: a quote is right if it has the words of an answer, and no other is."""
LEVELS = {Level.QUOTE: "as the answer", Level.PASSAGE: "middle level", Level.PASSAGES: "lowest level"}


def tell(report: Report, found: Mapping[str, Sequence[Outcome]], domains: Mapping[str, str]) -> None:
    """Shares of questions by source, and their means with an interval over domains."""
    _tell_shares(report, found, domains, "")
    by_words = {name: [replace(one, is_right=one.has_answer) for one in own] for name, own in found.items()}
    _tell_shares(report, by_words, domains, BY_WORDS)
    report.table("right of what is shown, by level as served", by_level(found, domains))
    report.table("open questions, by how they came about", by_kind(found))


def _tell_shares(
    report: Report, found: Mapping[str, Sequence[Outcome]], domains: Mapping[str, str], rule: str
) -> None:
    rows = [{"domain": domains[name], "source": name, **shares(own)} for name, own in found.items()]
    means: dict[str, Any] = {"domain": "", "source": "mean", "questions": sum(map(len, found.values()))}
    for name in shares([]):
        if name != "questions":
            means[name] = mean([row[name] for row in rows])
    report.table(f"quotes as served, shares of questions{rule}", [*rows, means])
    for name, target in AIMS.items():
        claim_mean(report, f"{name}{rule}", {row["source"]: row[name] for row in rows}, domains, target)


def shares(own: Sequence[Outcome]) -> dict[str, Any]:
    """Shares of the questions of a source; NaN where its data do not tell whether a quote is right."""
    told = [one for one in own if one.is_right is not None]
    is_told = len(told) > sum(not one.answerable for one in own)

    def part(*conditions: bool) -> float:
        return sum(conditions) / len(own) if own else math.nan

    def wrong(*levels: Level) -> float:
        return part(*(one.level in levels and one.is_right is False for one in own))

    shown = [one for one in own if one.level is not None]
    scores = np.array([one.score for one in told], float)
    return {
        "questions": len(own),
        "answerable": part(*(one.answerable for one in own)),
        "right and shown": part(*(one.is_right is True for one in shown)) if is_told else math.nan,
        "right, as the answer": part(*(one.is_right is True and one.level is Level.QUOTE for one in own))
        if is_told
        else math.nan,
        "wrong and ticked": wrong(Level.QUOTE),
        "wrong and shown, middle level": wrong(Level.PASSAGE),
        "wrong and shown, lowest level": wrong(Level.PASSAGES),
        "shown, not told whether right": part(*(one.is_right is None for one in shown)),
        "abstained rightly": part(*(not one.answerable and one.level is None for one in own)),
        "abstained wrongly": part(*(one.answerable and one.level is None for one in own)),
        "AUC of right quotes": auc(scores, np.array([one.is_right is True for one in told], bool))
        if is_told
        else math.nan,
        "AUC of answerable": auc(
            np.array([one.score for one in own], float), np.array([one.answerable for one in own], bool)
        ),
    }


def by_level(found: Mapping[str, Sequence[Outcome]], domains: Mapping[str, str]) -> list[dict[str, Any]]:
    """Of the quotes that are shown at a level, how many are right, by domain and over all."""
    rows = []
    for level in LEVELS:
        for domain in [*dict.fromkeys(domains[name] for name in found), "all"]:
            own = [
                one.is_right
                for name, outcomes in found.items()
                for one in outcomes
                if domain in (domains[name], "all") and one.level is level and one.is_right is not None
            ]
            if own:
                rows.append({"level": LEVELS[level], "domain": domain, **interval(own)})
    return rows


def by_kind(found: Mapping[str, Sequence[Outcome]]) -> list[dict[str, Any]]:
    """Of open questions, how many are abstained from, by source and by how they came about."""
    kinds: dict[tuple[str, str], list[bool]] = {}
    for name, own in found.items():
        for one in own:
            if not one.answerable:
                kinds.setdefault((name, one.opened), []).append(one.level is None)
    return [
        {"source": name, "open because": kind, "questions": len(own), "abstained": sum(own) / len(own)}
        for (name, kind), own in kinds.items()
    ]


def interval(own: Sequence[bool]) -> dict[str, Any]:
    """Count of quotes, and the share that is right with its interval (Wilson)."""
    found = MeasuredRecall.of(np.array(own, bool))
    return {"shown": len(own), "right": found.value, "low": found.low, "high": found.high}
