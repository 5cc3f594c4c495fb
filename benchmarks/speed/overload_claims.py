"""Claims about an overload: what is still answered, and how soon the others are told when to return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.report import BOOTSTRAP, Report
from benchmarks.speed.overload import Overload
from benchmarks.speed.sides import LOCAL, RAY, TITLES
from benchmarks.statistics import spread

OVERLOADED = 3.0  # times the capacity
GOODPUT: Mapping[str, float] = {LOCAL: 0.9, RAY: 0.8}  # of the capacity, at least
REJECTED_MS = 10.0  # median, at most
FOLLOWED = 0.95  # of the refused who come back when told, after the overload, are served


def conclude(report: Report, overloads: Sequence[Overload], why_not: Callable[[str], str]) -> None:
    """The claims of each side; of several runs of a level, the median."""
    for side, least in GOODPUT.items():
        title = TITLES[side]
        at = [one for one in overloads if one.side == side and one.level == OVERLOADED]
        why = "" if at else why_not(side)
        share = spread([one.share for one in at]) if at else None
        report.claim(
            f"{title}: goodput at {OVERLOADED:g} × capacity, share of the capacity",
            share.value if share else None,
            "",
            f">= {least:g}",
            low=share.low if share else None,
            high=share.high if share else None,
            interval=BOOTSTRAP if share else "",
            note=why or "; ".join(f"{one.goodput:.0f} of {one.capacity:.0f} texts/s" for one in at),
        )
        times = [one.rejected_p50 for one in at if one.rejected_p50 is not None]
        refused, told = sum(one.rejections for one in at), sum(one.hinted for one in at)
        report.claim(
            f"{title}: time to be refused at {OVERLOADED:g} × capacity, p50",
            spread(times).value if times else None,
            "ms",
            f"<= {REJECTED_MS:g}",
            note=why or f"{refused} refused, {told} of them told when to return",
        )
        followed, well = sum(one.followed for one in at), sum(one.followed_well for one in at)
        report.claim(
            f"{title}: refused and served when they came back as told, after the overload",
            well / followed if followed else None,
            "",
            f">= {FOLLOWED:g}",
            note=why or f"{well} of {followed}, a tenth of the refused",
        )


def row(one: Overload) -> dict[str, object]:
    """A level as a row of a table."""
    return {
        "side": one.side,
        "× capacity": one.level,
        "capacity /s": one.capacity,
        "offered /s": one.offered,
        "goodput /s": one.goodput,
        "goodput / capacity": one.share,
        "p50 ms": one.p50,
        "p99 ms": one.p99,
        "refused": one.rejections,
        "refused p50 ms": one.rejected_p50,
        "followed": one.followed,
        "followed well": one.followed_well,
        "failures": one.failures,
        "generator, cores": one.generator_share,
        "sent late, p99 ms": one.generator_late,
    }
