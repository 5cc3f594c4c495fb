"""Worth of a checker's scores on a domain by which nothing was chosen.

The scores come from the server, once. For each source the threshold from which on a claim is taken for
supported, and the one from which on it is ticked, are chosen on the sources of all other domains
(`benchmarks/left_out.py`). The ticks as served are beside them: their threshold is part of the product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from tieback.operations.upgrades.measures import MeasuredRecall

from benchmarks.classification import auc, balanced_accuracy, mean, share
from benchmarks.left_out import LEAST_ROWS, Source, claim_mean, left_out, most_balanced, precise
from benchmarks.report import Report

DOMAINS: Mapping[str, Sequence[str]] = {
    "news summaries": ("bump", "factcc", "goyal21", "polytope", "summeval", "xsumfaith"),
    "dialogue summaries": ("dialsummeval", "diasumfact"),
    "answers over search results": ("gensearch-", "ragtruth-"),
    "trial reports": ("nli4ct",),
    "Wikipedia claims, pages they cite": ("wice-",),
    "Wikipedia claims, a part left out": ("sufficient-",),
}
"""Beginnings of the names of sources that are left out together; any other source is a domain of its own."""
PRECISION = 0.9
"""The aims are those of issue 29."""
ACCURACY, WORST_ACCURACY, AUC, TICKED = 0.66, 0.52, 0.74, 0.1


def domain_of(source: str) -> str:
    """The domain that a source is left out with."""
    named = (domain for domain, begins in DOMAINS.items() if source.startswith(tuple(begins)))
    return next(named, source)


def tell(report: Report, sources: Mapping[str, Source], ticked: Mapping[str, np.ndarray]) -> None:
    """Rows by source and by domain, and the means over sources; `ticked` are the ticks as served `[rows]`."""
    rows = by_source(sources, ticked)
    report.table("by source, thresholds chosen without its domain", rows)
    report.table("ticks by domain, chosen without it", by_domain(rows))
    domains = {name: one.domain for name, one in sources.items()}

    for name, target in (
        ("balanced accuracy", f">= {ACCURACY}"),
        ("AUC", f">= {AUC}"),
        ("ticks that are right", f">= {PRECISION}"),
        ("served ticks that are right", f">= {PRECISION}"),
    ):
        claim_mean(report, name, {row["source"]: row.get(name, math.nan) for row in rows}, domains, target)
    worst = min(
        (row for row in rows if not math.isnan(row["balanced accuracy"])), key=_accuracy, default=None
    )
    report.claim(
        "balanced accuracy, lowest of a source",
        None if worst is None else _accuracy(worst),
        *("", f">= {WORST_ACCURACY}"),
        note="" if worst is None else worst["source"],
    )
    for kind in ("", "served "):
        _tell_ticks(report, rows, kind)


def by_source(sources: Mapping[str, Source], ticked: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Measures of each source, with the thresholds that the other domains gave."""
    supported = left_out(sources, most_balanced)
    tick = left_out(sources, partial(precise, wanted=PRECISION))
    rows = []
    for name, one in sources.items():
        row = {
            "domain": one.domain, "source": name, "claims": len(one.scores), "supported": share(one.holds),
            "from": supported[name],
            "balanced accuracy": balanced_accuracy(one.holds, one.scores >= supported[name]),
            "AUC": auc(one.scores, one.holds), "ticked from": tick[name],
        }  # fmt: skip
        rows.append(row | _ticks("", one, one.scores >= tick[name]) | _ticks("served ", one, ticked[name]))
    return rows


def by_domain(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Ticks of each domain, of a threshold chosen without it and as served."""
    found = []
    for domain in sorted({row["domain"] for row in rows}):
        own = [row for row in rows if row["domain"] == domain]
        row = {"domain": domain, "sources": len(own), "claims": sum(one["claims"] for one in own)}
        for measure in ("balanced accuracy", "AUC"):
            row[measure] = mean([one[measure] for one in own])
        for kind in ("", "served "):
            right = sum(one[f"{kind}right"] for one in own)
            row |= _share_of_ticks(kind, right, sum(one[f"{kind}ticks"] for one in own))
        found.append(row)
    return found


def _accuracy(row: Mapping[str, Any]) -> float:
    return float(row["balanced accuracy"])


def _ticks(kind: str, one: Source, ticked: np.ndarray) -> dict[str, Any]:
    right = int(one.holds[ticked].sum())
    found = _share_of_ticks(kind, right, int(ticked.sum()))
    return {f"{kind}ticked": share(ticked), **found}


def _share_of_ticks(kind: str, right: int, ticks: int) -> dict[str, Any]:
    found: dict[str, Any] = {f"{kind}ticks": ticks, f"{kind}right": right}
    if ticks:
        interval = MeasuredRecall.of(np.arange(ticks) < right)
        found |= {f"{kind}ticks that are right": interval.value, f"{kind}low": interval.low}
        found |= {f"{kind}high": interval.high}
    return found


def _tell_ticks(report: Report, rows: Sequence[Mapping[str, Any]], kind: str) -> None:
    """The worst domain of those with enough ticks, and how many claims are ticked at all."""
    told = [row for row in by_domain(rows) if row[f"{kind}ticks"] >= LEAST_ROWS]
    worst = min(told, key=lambda row: row[f"{kind}ticks that are right"], default=None)
    report.claim(
        f"{kind}ticks that are right, in the worst domain with {LEAST_ROWS}",
        None if worst is None else worst[f"{kind}ticks that are right"],
        *("", f">= {PRECISION}"),
        note=f"no domain has {LEAST_ROWS}" if worst is None else worst["domain"],
    )
    right, ticks = (sum(row[f"{kind}{name}"] for row in rows) for name in ("right", "ticks"))
    claims = sum(row["claims"] for row in rows)
    note = f"{right} of {ticks} are right"
    report.claim(f"{kind}ticks, share of all claims", ticks / max(claims, 1), "", f">= {TICKED}", note=note)
