"""From what was measured to what the project says of itself: the tables and the claims with their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from benchmarks.report import BOOTSTRAP, Report
from benchmarks.speed import overload_claims
from benchmarks.speed.cells import TABLE, Cell, Mix
from benchmarks.speed.fidelity import Fidelity
from benchmarks.speed.limit import Policy
from benchmarks.speed.overload import Overload
from benchmarks.speed.repeats import Repeats
from benchmarks.speed.rounds import Sample
from benchmarks.speed.sides import INT8, LOCAL, RAY, TITLES
from benchmarks.statistics import Interval, median_ratio, spread

SHARES = {  # of the limit, at least
    (LOCAL, "short-1@32"): 0.80,
    (RAY, "short-1@32"): 0.65,
    (LOCAL, "short-32@8"): 0.92,
    (RAY, "short-32@8"): 0.88,
    (LOCAL, "mixed-1@32"): 0.85,
    (RAY, "mixed-1@32"): 0.80,
    (LOCAL, "mixed-32@8"): 0.85,
    (RAY, "mixed-32@8"): 0.80,
    (LOCAL, "long-1@32"): 0.92,
    (RAY, "long-1@32"): 0.88,
    (LOCAL, "long-32@2"): 0.92,
    (RAY, "long-32@2"): 0.88,
}
ADDED = {LOCAL: 0.8, RAY: 2.0}  # milliseconds to the median of one short text, at most
PADDING = 10.0  # per cent of the computed tokens, less than
INT8_TIMES = 2.0  # float32's texts/s, at least
CACHED_TIMES = 1.4  # without the cache, where REPEATED of the texts were there before, at least
INVARIANCE = 1e-5  # largest difference of an element between batches, float32
NOT_RUN = "not part of this run"
CELLS, OVERLOAD, SOURCE = "cells", "overload: single short texts, open loop", "texts and photos"
BARE, SWEPT = "bare loops, items/s", "peers by tuning, items/s"
"""The tables that figures are drawn from."""


class Limits(Protocol):
    """Limits that the bare loops have found."""

    best: dict[Mix, Policy]
    rates: dict[Mix, dict[str, float]]
    others: dict[Mix, dict[str, float]]


@dataclass
class Found:
    """All that a run has measured, and why a side is missing."""

    source: str
    samples: list[Sample] = field(default_factory=list)
    overloads: list[Overload] = field(default_factory=list)
    repeats: list[Repeats] = field(default_factory=list)
    fidelities: list[Fidelity] = field(default_factory=list)
    drifts: list[tuple[str, float, float]] = field(default_factory=list)  # measure, int8, float32
    missing: dict[str, str] = field(default_factory=dict)
    peers: list[str] = field(default_factory=list)
    tunings: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each peer, the tuning that is its best in each cell."""
    swept: list[dict[str, object]] = field(default_factory=list)
    """Rows of what each tuning of each peer reached."""

    def interval(self, side: str, cell: str, of: Callable[[Sample], float | None]) -> Interval | None:
        """The median over the rounds, with its spread; None where nothing was measured."""
        values = self.values(side, cell, of)
        return spread(values) if values else None

    def values(self, side: str, cell: str, of: Callable[[Sample], float | None]) -> list[float]:
        """One value a round."""
        return [
            value
            for sample in self.samples
            if sample.side == side and sample.cell.key == cell and (value := of(sample)) is not None
        ]

    def why_not(self, *sides: str) -> str:
        """Why there is no number of these sides."""
        said = [f"{TITLES.get(side, side)}: {self.missing[side]}" for side in sides if side in self.missing]
        return "; ".join(said) or NOT_RUN


def conclude(report: Report, found: Found, limit: Limits) -> None:
    """Writes the tables and every claim, met or not, measured or not."""
    _tables(report, found, limit)
    _shares(report, found)
    _peers(report, found)
    _int8(report, found)
    _cache(report, found)
    overload_claims.conclude(report, found.overloads, found.why_not)
    _fidelity(report, found)


def _claim(
    report: Report, name: str, found: Interval | None, unit: str, target: str, note: str, why_not: str
) -> None:
    if found is None:
        report.claim(name, None, unit, target, note=why_not)
    else:
        report.claim(name, found, unit, target, note=note, interval=BOOTSTRAP)


def _shares(report: Report, found: Found) -> None:
    for (side, cell), share in SHARES.items():
        one = found.interval(side, cell, lambda sample: sample.ratio)
        rate, bare = (
            found.interval(side, cell, lambda sample: sample.rate),
            found.interval(side, cell, lambda sample: sample.limit_rate),
        )
        note = f"{rate.value:.0f} of {bare.value:.0f} texts/s" if rate and bare else ""
        name = f"{TITLES[side]}: share of the limit, {said(cell)}"
        _claim(report, name, one, "", f">= {share:g}", note, found.why_not(side))
    for side, milliseconds in ADDED.items():
        one = found.interval(side, "short-1@1", lambda sample: sample.added)
        bare = found.interval(side, "short-1@1", lambda sample: sample.limit_p50)
        note = f"the bare session takes {bare.value:.2f} ms; tokenising is on the served side" if bare else ""
        name = f"{TITLES[side]}: adds to the p50 of one short text"
        _claim(report, name, one, "ms", f"<= {milliseconds:g}", note, found.why_not(side))
    _padding(report, found)


def _padding(report: Report, found: Found) -> None:
    cells = {sample.cell for sample in found.samples if sample.side == LOCAL}
    wastes = {
        cell: 100.0 * waste.value
        for cell in cells
        if (waste := found.interval(LOCAL, cell.key, lambda sample: sample.padding)) is not None
    }
    mixed = [waste for cell, waste in wastes.items() if cell.mix == "mixed"]
    name, target = f"{TITLES[LOCAL]}: padding of mixed texts, largest of all cells", f"< {PADDING:g}"
    if mixed:
        worst = max(wastes, key=wastes.__getitem__)
        note = f"of all lengths {wastes[worst]:.1f} %, for {said(worst.key)}"
        report.claim(name, max(mixed), "%", target, note=note)
    else:
        report.claim(name, None, "%", target, note=found.why_not(LOCAL))


def _peers(report: Report, found: Found) -> None:
    """Ratios of shares of the limit to the best peer, each peer at the tuning that is its best there."""
    for side in (LOCAL, RAY):
        for cell in TABLE:
            if cell.one_at_a_time:
                name = f"{TITLES[side]}: times as quick as the best peer, one short text"
                _lead(report, found, name, side, cell, lambda sample: 1.0 / sample.p50)
            else:
                name = f"{TITLES[side]}: times the best peer, {said(cell.key)}"
                _lead(report, found, name, side, cell, lambda sample: sample.ratio)


def _lead(
    report: Report, found: Found, name: str, side: str, cell: Cell, of: Callable[[Sample], float]
) -> None:
    """Our value over that of the best peer, and who that is, tuned how."""
    ours = found.values(side, cell.key, of)
    theirs = {peer: values for peer in found.peers if (values := found.values(peer, cell.key, of))}
    absent = [TITLES.get(peer, peer) for peer in found.peers if peer in found.missing]
    without = f"; without {', '.join(absent)}" if absent else ""
    if not ours or not theirs:
        report.claim(name, None, "", "> 1", note=found.why_not(side, *found.peers))
        return
    best = max(theirs, key=lambda peer: median(theirs[peer]))
    tuned = found.tunings.get(best, {}).get(cell.key, "")
    note = f"{TITLES.get(best, best)}{f' ({tuned})' if tuned else ''}{without}"
    _claim(report, name, median_ratio(ours, theirs[best]), "", "> 1", note, "")


def _int8(report: Report, found: Found) -> None:
    for cell in TABLE:
        if cell.one_at_a_time:
            continue
        int8, float32 = (found.values(side, cell.key, lambda sample: sample.ratio) for side in (INT8, LOCAL))
        name = f"{TITLES[INT8]}: times float32, {said(cell.key)}"
        target = f">= {INT8_TIMES:g}"
        ratio = median_ratio(int8, float32) if int8 and float32 else None
        _claim(report, name, ratio, "", target, "", found.why_not(INT8, LOCAL))
    for measure, int8_value, float32_value in found.drifts:
        note = f"{int8_value:.4f} and {float32_value:.4f}, as the server states them"
        if "spearman" in measure.lower():
            report.claim(f"int8: {measure} apart", abs(int8_value - float32_value), "", "<= 0.005", note=note)
        elif "ndcg" in measure.lower():
            apart = 100.0 * abs(int8_value / float32_value - 1.0)
            report.claim(f"int8: {measure} apart", apart, "%", "<= 1", note=note)
    if not found.drifts:
        note = f"{found.why_not(INT8)}; scripts/bench quantisation measures it"
        report.claim("int8: STS Spearman apart", None, "", "<= 0.005", note=note)
        report.claim("int8: Cranfield nDCG@10 apart", None, "%", "<= 1", note=note)


def _cache(report: Report, found: Found) -> None:
    target = f">= {CACHED_TIMES:g}"
    cells = list(dict.fromkeys(one.cell for one in found.repeats))
    for cell in cells:
        ratio = spread([one.ratio for one in found.repeats if one.cell == cell])
        name = f"30 % repeated texts: times no cache, {said(cell.key)}"
        _claim(report, name, ratio, "", target, "1.43 if what is cached cost nothing", "")
    if not cells:
        report.claim("30 % repeated texts: times no cache", None, "", target, note=found.why_not(LOCAL))


def _fidelity(report: Report, found: Found) -> None:
    by_side = {one.side: one for one in found.fidelities}
    target, local = f"<= {INVARIANCE:g}", by_side.get(LOCAL)
    name = "a text's vector alone and in any batch, largest difference"
    why = found.why_not(LOCAL)
    report.claim(
        f"{name}, float32", local.difference if local else None, "", target, note="" if local else why
    )
    report.claim(
        f"{name}, where the request asks for it to be exact",
        local.exact_difference if local else None,
        "",
        "<= 0",
        note="" if local else why,
    )


def _tables(report: Report, found: Found, limit: Limits) -> None:
    report.table(SOURCE, [{"source": found.source}])
    report.table(
        "the best bare loop by policy, items/s",
        [
            {"mix": mix, "policy": policy, "items/s": rate, "best": policy == limit.best[mix].name}
            for mix, rates in limit.rates.items()
            for policy, rate in rates.items()
        ],
    )
    report.table(
        BARE,
        [{"mix": mix, "policy": limit.best[mix].name, **rates} for mix, rates in limit.others.items()],
    )
    report.table(SWEPT, found.swept)
    pairs = list(dict.fromkeys((one.side, one.cell) for one in found.samples))
    report.table(CELLS, [cell_row(found, side, cell) for side, cell in pairs])
    report.table(OVERLOAD, [overload_claims.row(one) for one in found.overloads])
    report.table("vectors", [_fidelity_row(one) for one in found.fidelities])
    report.table(
        "sides that are missing", [{"side": side, "why": why} for side, why in found.missing.items()]
    )


def cell_row(found: Found, side: str, cell: Cell) -> dict[str, object]:
    """A row of the table of cells."""
    samples = [one for one in found.samples if one.side == side and one.cell == cell]
    ratio = spread([one.ratio for one in samples])
    paddings = [one.padding for one in samples if one.padding is not None]
    return {
        "side": side,
        "tuning": found.tunings.get(side, {}).get(cell.key, ""),
        "mix": cell.mix,
        "items": cell.items,
        "in flight": cell.in_flight,
        "rounds": len(samples),
        "items/s": _middle(one.rate for one in samples),
        "limit items/s": _middle(one.limit_rate for one in samples),
        "share": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "p50 ms": _middle(one.p50 for one in samples),
        "p90 ms": _middle(one.p90 for one in samples),
        "p99 ms": _middle(one.p99 for one in samples),
        "bare p50 ms": _middle(one.limit_p50 for one in samples),
        "failures": sum(one.failures for one in samples),
        "rejections": sum(one.rejections for one in samples),
        "padding %": 100.0 * median(paddings) if paddings else None,
        "generator, cores": _middle(one.generator_share for one in samples),
        "others, cores": max(one.others for one in samples),
    }


def _fidelity_row(one: Fidelity) -> dict[str, object]:
    return {
        "side": one.side,
        "alone against in a batch": one.difference,
        "the same, asked to be exact": one.exact_difference,
        "smallest cosine to bare float32": one.cosine,
    }


def _middle(values: Iterable[float]) -> float:
    return float(median(values))


def said(key: str) -> str:
    """A cell in words."""
    mix, _, rest = key.partition("-")
    items, _, in_flight = rest.partition("@")
    what = f"{mix} texts" if mix != "photos" else mix
    return f"{what}, requests of {items}, {in_flight} in flight"
