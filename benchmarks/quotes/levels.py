"""Bounds of the levels of quotes, chosen with one domain left out, and whether their promises hold there.

The first bound is the lowest score from which on the promised share of quotes is right, on the sources of all
other domains. Of what is below it, the second bound is chosen in the same way by the second promise. The rest
has the lowest level. A promise is kept in a domain where the lower end of the interval reaches it, holds
where the interval has it, and is broken where the upper end is below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.left_out import INTERVAL, LEAST_ROWS, Source, left_out, over_domains, precise
from benchmarks.quotes.outcomes import Outcome
from benchmarks.quotes.served import interval
from benchmarks.report import Report

FIRST, SECOND = "first level", "second level"


def tell(
    report: Report,
    found: Mapping[str, Sequence[Outcome]],
    domains: Mapping[str, str],
    promises: tuple[float, float],
) -> None:
    """Rows of both levels by domain, and the shares of questions that they come to."""
    sources = told_sources(found, domains)
    bounds = bounds_of(sources, promises)
    rows = by_domain(sources, bounds, promises)
    report.table("levels whose bounds are chosen without the domain", rows)
    parts = {name: shares(one, bounds[name]) for name, one in sources.items()}
    report.table(
        "questions by levels whose bounds are chosen without the domain",
        [{"source": name, **own} for name, own in parts.items()],
    )
    for level, promise in zip((FIRST, SECOND), promises, strict=True):
        own = [row for row in rows if row["level"] == level]
        enough = [row for row in own if row["shown"] >= LEAST_ROWS]
        worst = min(enough, key=lambda row: row["right"], default=None)
        kept = sum(row["promise"] != "broken" for row in own)
        report.claim(
            f"{level}, right in the worst domain with {LEAST_ROWS}",
            None if worst is None else worst["right"],
            *("", f">= {promise}"),
            note=(f"{worst['domain']}; " if worst else "no domain has so many; ")
            + f"not broken in {kept} of {len(own)} domains that show any",
        )
    means = []
    for name in next(iter(parts.values()), {}):
        over = over_domains({source: own[name] for source, own in parts.items()}, domains)
        if over is not None:
            means.append({"share of questions": name, "mean": over.value, "low": over.low, "high": over.high})
    report.table(f"the same, means over sources ({INTERVAL})", means)


def told_sources(found: Mapping[str, Sequence[Outcome]], domains: Mapping[str, str]) -> dict[str, Source]:
    """Scores of the questions of which is known whether their quote is right, where some are answerable."""
    sources = {}
    for name, outcomes in found.items():
        own = [one for one in outcomes if one.is_right is not None]
        if any(one.answerable for one in own):
            scores = np.array([one.score for one in own], float)
            sources[name] = Source(domains[name], scores, np.array([one.is_right for one in own], bool))
    return sources


def bounds_of(sources: Mapping[str, Source], promises: tuple[float, float]) -> dict[str, tuple[float, float]]:
    """Both bounds for each source, the first not below the second."""
    first, second = promises

    def below(chosen: Sequence[Source]) -> float:
        bound = precise(chosen, first)
        rest = [
            Source(one.domain, one.scores[one.scores < bound], one.holds[one.scores < bound])
            for one in chosen
        ]
        return min(bound, precise([one for one in rest if len(one.scores)], second))

    highest = left_out(sources, partial(precise, wanted=first))
    lowest = left_out(sources, below)
    return {name: (highest[name], lowest[name]) for name in sources}


def by_domain(
    sources: Mapping[str, Source],
    bounds: Mapping[str, tuple[float, float]],
    promises: tuple[float, float],
) -> list[dict[str, Any]]:
    """Of each level in each domain: how much is shown, how much of it is right, and its promise."""
    rows = []
    for place, (level, promise) in enumerate(zip((FIRST, SECOND), promises, strict=True)):
        for domain in dict.fromkeys(one.domain for one in sources.values()):
            own = {name: one for name, one in sources.items() if one.domain == domain}
            right = [
                bool(holds)
                for name, one in own.items()
                for score, holds in zip(one.scores, one.holds, strict=True)
                if level_of(score, bounds[name]) == place
            ]
            row = {
                "level": level,
                "domain": domain,
                "questions": sum(len(one.scores) for one in own.values()),
            }
            row["from"] = next(iter(bounds[name] for name in own))[place]
            if right:
                found = interval(right)
                kept = "kept" if found["low"] >= promise else "holds"
                row |= found | {"promise": kept if found["high"] >= promise else "broken"}
                rows.append(row)
    return rows


def level_of(score: float, bounds: tuple[float, float]) -> int:
    """0 and 1 are the levels that promise something, 2 is the lowest one."""
    return 0 if score >= bounds[0] else 1 if score >= bounds[1] else 2


def shares(one: Source, bounds: tuple[float, float]) -> dict[str, float]:
    """Shares of the questions of a source that each level shows rightly and wrongly."""
    levels = np.array([level_of(score, bounds) for score in one.scores])
    count = max(len(levels), 1)
    return {
        f"{right}, {name}": float(((levels == place) & (one.holds == (right == "right"))).sum()) / count
        for place, name in enumerate((FIRST, SECOND, "lowest level"))
        for right in ("right", "wrong")
    }
