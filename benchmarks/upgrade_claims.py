"""Reports on the ways of an upgrade: tables, and what it has to show; see `benchmarks/upgrade.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback.operations.upgrades.worth import SHARES

from benchmarks.report import Report

Rows = Sequence[Mapping[str, Any]]

TABLES = {
    "curve": "nDCG@10 where both spaces are read, by the share re-embedded",
    "kept": "share of re-embedded nDCG@10 that is kept by translation, and with a fifth re-embedded besides",
    "plans": "share of re-embedded nDCG@10: what a plan says, and what is then measured",
}
"""Of the rows of a collection and a pair, beside the times."""
PAIRED = ("collection", "old", "new")
SIDES = ("today", "led", "translated")
WHICH = {
    ("halves", "all"): "all judged questions",
    ("questions", "all"): "all judged questions",
    ("questions", "others"): "the other questions",
    ("labels", "all"): "all photos that ask",
}


def tell(report: Report, found: Sequence[Mapping[str, Rows]], policies: Sequence[str], of: str = "") -> None:
    """Adds tables and claims of what was found, by collection and pair; `of` what, where not of texts."""
    tables = {name: [row for one in found for row in one[name]] for name in TABLES}
    named = f"{of}: " if of else ""
    for name, title in TABLES.items():
        columns = dict.fromkeys(column for row in tables[name] for column in row)
        report.table(named + title, [{one: row.get(one) for one in columns} for row in tables[name]])
    times = found[-1]["times"][0]
    report.table(
        f"{named}microseconds of a query through a map",
        [{name: times[name] for name in times if name not in PAIRED}],
    )
    claims(report, tables, policies, f"upgrade of {of}" if of else "upgrade")


def claims(report: Report, tables: Mapping[str, Rows], policies: Sequence[str], upgrade: str) -> None:
    """Claims that an upgrade has to show."""
    curves, kept, plans = (tables[name] for name in TABLES)
    names = [f"{share:.0%}" for share in SHARES]
    below = [min(row[name] for name in names) - min(row["0%"], row["100%"]) for row in curves]
    report.claim(
        f"{upgrade}: both spaces read, the worst share of any pair, less the worse of old and new",
        100 * min(below), "points of nDCG@10", ">= -1",
    )  # fmt: skip
    better = [row for row in curves if row["100%"] >= row["0%"]]
    steps = [float(np.diff([row[name] for name in names]).min()) for row in better]
    report.claim(
        f"{upgrade}: both spaces read, the largest fall from a share to the next where the new space is "
        "better",
        100 * min(steps, default=0.0), "points of nDCG@10", ">= -1",
    )  # fmt: skip
    best = [max(row[name] for name in policies if name in row) for row in kept]
    report.claim(
        f"{upgrade}: translation learned from a fifth of the documents, the best policy, mean share kept",
        float(np.mean(best)), "of re-embedded nDCG@10", ">= 0.8", low=min(best), high=max(best),
        interval="range of collections and pairs",
    )  # fmt: skip
    fifth = [row["best, a fifth re-embedded"] for row in kept]
    report.claim(
        f"{upgrade}: the same with a fifth re-embedded",
        float(np.mean(fifth)), "of re-embedded nDCG@10", ">= 0.9", low=min(fifth), high=max(fifth),
        interval="range of collections and pairs",
    )  # fmt: skip
    for way, which in WHICH:
        chosen = [row for row in plans if row["asked by"] == way]
        if not chosen:
            continue
        for side in SIDES:
            apart = [abs(row[f"{side}, plan"][0] - row[f"{side}, {which}"][0]) for row in chosen]
            report.claim(
                f"{upgrade}: plan by {way}, {side}, less the same on all by {WHICH[way, which]}: mean "
                "distance",
                100 * float(np.mean(apart)), "points of the share", "<= 2", high=100 * max(apart),
                low=100 * min(apart), interval="range of collections and pairs",
            )  # fmt: skip
            holds = is_held if which == "all" else is_within
            within = [holds(row[f"{side}, plan"], row[f"{side}, {which}"]) for row in chosen]
            report.claim(
                f"{upgrade}: the same, share of plans whose interval of 95 % holds that, {side}, by "
                f"{WHICH[way, which]}, plan by {way}",
                float(np.mean(within)), f"of {len(within)}", ">= 0.9",
                note="" if which == "all" else "with the interval of those questions",
            )  # fmt: skip
    right = [
        (row["today, plan"][0] < 1) == (row.get("today, others", row["today, all"])[0] < 1) for row in plans
    ]
    report.claim(
        f"{upgrade}: plans that name the space that other questions find better",
        float(np.mean(right)), f"of {len(right)}", ">= 0.9",
    )  # fmt: skip


def is_held(plan: Sequence[float], truth: Sequence[float]) -> bool:
    """Tell whether a plan's interval holds a number."""
    return plan[1] <= truth[0] <= plan[2]


def is_within(plan: Sequence[float], truth: Sequence[float]) -> bool:
    """Tell whether two numbers with intervals of 95 % are as near as their intervals allow."""
    (low, high) = (plan, truth) if plan[0] <= truth[0] else (truth, plan)
    return high[0] - low[0] <= float(np.hypot(low[2] - low[0], high[0] - high[1]))
