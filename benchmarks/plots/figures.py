"""The figures of the page, each drawn from the rows of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.plots.style import COLOURS, INK, LINES, MARKERS, OURS, QUIET, figure, width
from benchmarks.speed.cells import TABLE
from benchmarks.speed.claims import SHARES
from benchmarks.speed.overload_claims import GOODPUT
from benchmarks.speed.sides import INT8, LOCAL_CLIENT, RAY_DIRECT, TITLES

Row = Mapping[str, Any]
CURVED = ("short", "mixed")
DASHED: Mapping[str, Any] = {"color": INK, "linewidth": 1.0, "linestyle": (0, (4, 3))}
DOTTED: Mapping[str, Any] = {"linewidth": 1.2, "linestyle": (0, (1, 2))}
LEFT_OUT = (LOCAL_CLIENT, RAY_DIRECT, INT8)  # of the curves: nearly the same line, and another file


def latency(rows: Sequence[Row], path: Path) -> None:
    """Median latency against throughput of single texts, as more of them are in flight."""
    with figure(path, 1, len(CURVED), size=(11.0, 4.9)) as axes:
        for axis, mix in zip(axes, CURVED, strict=True):
            chosen = [row for row in rows if row["mix"] == mix and row["items"] == 1]
            ends = []
            for side in _sides(chosen):
                if side in LEFT_OUT:
                    continue
                points = sorted(
                    (row["in flight"], row["items/s"], row["p50 ms"]) for row in chosen if row["side"] == side
                )
                _, rates, times = zip(*points, strict=True)
                _line(axis, side, rates, times)
                ends.append((side, rates[-1], times[-1]))
            limits = [row["limit items/s"] for row in chosen if row["in flight"] > 1]
            if limits:
                limit = sorted(limits)[len(limits) // 2]
                axis.axvline(limit, **DASHED)
                at = axis.get_xaxis_transform()
                axis.text(
                    1.015 * limit,
                    0.02,
                    "bare ONNX Runtime",
                    transform=at,
                    rotation=90,
                    fontsize=8.5,
                    color=QUIET,
                )
                axis.set_xlim(0, 1.12 * max(limit, *(rate for _, rate, _ in ends)))
            _logarithmic(axis)
            axis.set_title(f"{mix.capitalize()} texts, one a request")
            axis.set_xlabel("texts answered a second")
            axis.set_ylabel("median latency, ms")
        handles, labels = axes[0].get_legend_handles_labels()
        axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def shares(rows: Sequence[Row], path: Path) -> None:
    """Each side's share of the limit, cell by cell, with the aims."""
    cells = [cell for cell in TABLE if not cell.one_at_a_time]
    found = {(row["side"], f"{row['mix']}-{row['items']}@{row['in flight']}"): row for row in rows}
    sides = [side for side in TITLES if side != INT8 and any(key[0] == side for key in found)]
    with figure(path, 2, 3, size=(11.0, 2.0 + 0.5 * max(len(sides), 3))) as axes:
        for number, (axis, cell) in enumerate(zip(axes, cells, strict=True)):
            for place, side in enumerate(sides):
                _bar(axis, place, side, found.get((side, cell.key)), SHARES.get((side, cell.key)))
            axis.axvline(1.0, **DASHED)
            size = "one text a request" if cell.items == 1 else f"{cell.items} texts a request"
            axis.set_title(f"{cell.mix.capitalize()} texts", pad=20)
            axis.text(0, 1.03, f"{size}, {cell.in_flight} in flight", transform=axis.transAxes, color=QUIET)
            names = [TITLES[side] if number % 3 == 0 else "" for side in sides]
            axis.set_yticks(range(len(sides)), names)
            axis.tick_params(axis="y", labelcolor=INK, labelsize=9)
            axis.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
            axis.grid(visible=False, axis="y")
            axis.set_xlim(0, 1.25)
            axis.set_ylim(len(sides) - 0.4, -0.6)
        axes[4].set_xlabel(
            "share of what bare ONNX Runtime does (dashed); a black mark is the aim, a thin line the spread"
        )


def _bar(axis: Axes, place: int, side: str, row: Row | None, aim: float | None) -> None:
    """One side in one cell."""
    if row is None:
        axis.text(0.02, place, "–", va="center", fontsize=9, color=QUIET)
        return
    alpha = 1.0 if side in OURS else 0.55
    axis.barh(place, row["share"], height=0.7, color=COLOURS.get(side, QUIET), alpha=alpha)
    axis.plot([row["low"], row["high"]], [place, place], color=INK, linewidth=1.0)
    if aim is not None:
        axis.plot([aim, aim], [place - 0.45, place + 0.45], color=INK, linewidth=2.5)
    weight = "bold" if side in OURS else "normal"
    axis.text(1.24, place, f"{row['share']:.2f}", va="center", ha="right", fontsize=9, fontweight=weight)


def joint_space(rows: Sequence[Row], path: Path) -> None:
    """How often the first hit is right, by learned fusions and by the joint space."""
    tasks = list(dict.fromkeys(str(row["task"]) for row in rows))
    ways = list(dict.fromkeys(str(row["way"]) for row in rows))
    with figure(path, 1, len(tasks), size=(11.0, 0.9 + 0.42 * len(ways))) as axes:
        for number, (axis, task) in enumerate(zip(axes, tasks, strict=True)):
            found = {str(row["way"]): row for row in rows if row["task"] == task}
            for place, way in enumerate(ways):
                row = found[way]
                colour = COLOURS["local"] if place == 0 else COLOURS["local_client"]
                axis.barh(place, row["first hit right"], height=0.7, color=colour)
                axis.plot([row["low"], row["high"]], [place, place], color=INK, linewidth=1.0)
                axis.text(
                    row["high"] + 0.015, place, f"{row['first hit right']:.2f}", va="center", fontsize=9
                )
            axis.set_title(task[:1].upper() + task[1:])
            axis.set_yticks(range(len(ways)), ways if number == 0 else [""] * len(ways))
            axis.tick_params(axis="y", labelcolor=INK, labelsize=9)
            axis.grid(visible=False, axis="y")
            axis.set_xlim(0, 1)
            axis.set_ylim(len(ways) - 0.4, -0.6)
        axes[1].set_xlabel("share of queries whose first hit is right; a thin line is the interval")


def overload(rows: Sequence[Row], path: Path) -> None:
    """Goodput as more is offered than can be done."""
    with figure(path, 1, 1, size=(8.2, 4.6)) as [axis]:
        highest = max([row["× capacity"] for row in rows], default=3.0)
        axis.plot([0, 1, highest], [0, 1, 1], label="all that can be done", **DASHED)
        axis.axhspan(
            min(GOODPUT.values()), 1.0, xmin=1.0 / (highest * 1.02), color=LINES, alpha=0.6, linewidth=0
        )
        for side in _sides(rows):
            points = sorted(
                (row["× capacity"], row["goodput / capacity"]) for row in rows if row["side"] == side
            )
            levels, goodputs = zip(*points, strict=True)
            _line(axis, side, levels, goodputs, label=TITLES[side])
        axis.set_xlim(0, highest * 1.02)
        axis.set_ylim(0, 1.1)
        axis.set_title("What is answered within a second, as callers ask for more")
        axis.set_xlabel("offered load, times the side's own capacity (arrivals do not wait for answers)")
        axis.set_ylabel("goodput, share of the capacity")
        axis.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))


def load(rows: Sequence[Row], path: Path) -> None:
    """Goodput and latency of a mix of calls on the whole pipeline, as callers ask for more."""
    chosen = [row for row in rows if row["× knee"] is not None and row["× knee"] >= 0.25]
    with figure(path, 1, 2, size=(11.0, 4.9)) as [good, slow]:
        for side in _sides(chosen):
            own = sorted((row for row in chosen if row["side"] == side), key=lambda row: row["× knee"])
            levels = [row["× knee"] for row in own]
            knee = min(own, key=lambda row: abs(row["× knee"] - 1))["goodput /s"] or 1.0
            _line(good, side, levels, [row["goodput /s"] / knee for row in own], label=TITLES.get(side, side))
            _line(slow, side, levels, [row["p50 ms"] or 0.0 for row in own])
            slow.plot(levels, [row["p95 ms"] or 0.0 for row in own], color=COLOURS.get(side, QUIET), **DOTTED)
        most = max([row["× knee"] for row in chosen], default=3.0)
        good.plot([0, 1, most], [0, 1, 1], label="all that is asked for, up to the knee", **DASHED)
        good.axhline(0.8, color=LINES, linewidth=1.2)
        good.set_title("Calls answered in time")
        good.set_ylabel("share of those at the knee")
        slow.set_title("Time of an answer: median, and 95 of 100 (dotted)")
        slow.set_ylabel("ms")
        for axis in (good, slow):
            axis.set_xlim(0, 1.03 * most)
            axis.set_ylim(bottom=0)
            axis.set_xlabel("offered load, times the side's own knee")
        handles, labels = good.get_legend_handles_labels()
        good.figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)


def memory(rows: Sequence[Row], path: Path) -> None:
    """Resident memory over the requests of a soak."""
    with figure(path, 1, 1, size=(8.2, 3.6)) as [axis]:
        done = [row["requests"] for row in rows]
        resident = [row["resident MB"] for row in rows]
        axis.plot(done, resident, color=COLOURS["local"], linewidth=1.6)
        if warm := next((row for row in rows if row["warm"]), None):
            axis.axvspan(0, warm["requests"], color=LINES, alpha=0.6, linewidth=0)
            axis.text(
                warm["requests"], 0.04, " warm", transform=axis.get_xaxis_transform(), color=QUIET, fontsize=9
            )
            axis.axhline(1.05 * warm["resident MB"], **DASHED)
            axis.annotate(
                "5 % more",
                (done[-1], 1.05 * warm["resident MB"]),
                xytext=(0, 4),
                textcoords="offset points",
                ha="right",
                fontsize=9,
                color=QUIET,
            )
        axis.set_xlim(0, done[-1])
        axis.set_ylim(0, 1.25 * max(resident))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.set_title("Memory over mixed requests")
        axis.set_xlabel("requests answered")
        axis.set_ylabel("resident, MB")


def _line(axis: Axes, side: str, x: Sequence[float], y: Sequence[float], label: str = "") -> None:
    axis.plot(
        x,
        y,
        color=COLOURS.get(side, QUIET),
        linewidth=width(side),
        marker=MARKERS.get(side, "o"),
        markersize=5.5 if side in OURS else 4.5,
        zorder=3 if side in OURS else 2,
        label=label or TITLES.get(side, side),
    )


def _sides(rows: Sequence[Row]) -> list[str]:
    """The sides of the rows, the quiet ones first, so that ours are drawn over them."""
    found = dict.fromkeys(row["side"] for row in rows)
    return sorted(found, key=lambda side: side in OURS)


def _logarithmic(axis: Axes) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
