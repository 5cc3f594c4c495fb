"""The whole pipeline under a mix of calls that arrive in bursts, whatever the server does.

The knee is the highest rate at which 95 of 100 calls are answered in time; the program finds it by halving.
Then a half, one, two and three times as much is asked. The calls come from processes of their own, at the
times of a trace, each with texts of its own, with a deadline by its kind. Parts:

    levels     latency and what is answered in time, by rate and by kind of call; refusals and their time
    fairness   a tenant that asks for a tenth of the knee, alone and beside one that asks for three times it
    fleet      many clients of the SDK at three times the knee: without retries, and with them

A side is `local` (one process), `ray` (Ray Serve here), or the address of a server that runs, whose page of
metrics and tokens (that of a quiet tenant, then that of a greedy one) are given beside it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import corpus
from benchmarks.corpus import Corpus
from benchmarks.generation.library import questions
from benchmarks.load import fairness, fleet, levels
from benchmarks.load.arrivals import made, read
from benchmarks.load.generator import LoadError, generating
from benchmarks.load.levels import Ladder, Level
from benchmarks.load.mix import DEFAULT_MIX, Mix, PipelineTarget, Work, parsed
from benchmarks.load.places import LOCAL, RAY, TENANTS, Place, placed
from benchmarks.load.watch import Reading, Watch
from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import StartError
from benchmarks.soak.trends import grown

PARTS = LEVELS, FAIRNESS, FLEET = "levels", "fairness", "fleet"
TIMES = (0.5, 1.0, 2.0, 3.0)
OVERLOADED = TIMES[-1]
PLANNED = {LEVELS: 160.0, FAIRNESS: 130.0, FLEET: 120.0}
START_SECONDS = 60.0
SOAK_TIMES, WARM_SHARE = 0.7, 0.25
"""The rate of a soak, times the knee, and the share of its time after which memory should be flat."""

GOODPUT, FAIR, FLAT = 0.8, 1.5, 5.0
"""Aims: of the knee at three times it; of the quiet tenant's p99 alone; growth of memory in per cent."""

REPEATED = 1.3
"""Attempts a call, at most, that clients with a budget of retries make in an overload."""

MOST_REFUSED_MS = 50.0
TABLE, KINDS_TABLE, MEMORY_TABLE = "levels", "levels by kind of call", "memory and replicas"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    corpus.add_argument(parser)
    parser.add_argument(
        "--sides", nargs="+", metavar="SIDE", default=[LOCAL, RAY], help="local, ray, HOST:PORT (local ray)"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[LEVELS, FAIRNESS])
    parser.add_argument(
        "--mix", default=DEFAULT_MIX, help=f"kinds of calls with their shares ({DEFAULT_MIX})"
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="seconds of arrivals, one a line")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each level (20)")
    parser.add_argument("--rounds", type=int, default=2, help="of the fairness (2)")
    parser.add_argument("--seed", type=int, default=1, help="of arrivals and calls (1)")
    parser.add_argument("--knee", type=float, help="calls a second that are taken as the knee; else sought")
    parser.add_argument("--clients", type=int, default=50, help="processes that the fleet stands for (50)")
    parser.add_argument(
        "--soak", type=float, default=0.0, metavar="MINUTES", help="also watch the memory for so long (0)"
    )
    parser.add_argument("--space", default="all-minilm-l6-v2", help="the space of the collections")
    parser.add_argument("--replicas-max", type=int, default=0, help="have Ray Serve add encoders up to this")
    parser.add_argument(
        "--token", nargs="+", default=[], help="of a server at an address, one for each tenant"
    )
    parser.add_argument("--metrics", default="", help="the page of metrics of a server at an address")


def run(options: argparse.Namespace) -> Report:
    texts, mix = corpus.chosen(options), parsed(options.mix)
    report, found = Report(), _Found()
    expected = START_SECONDS + sum(PLANNED[part] for part in options.parts) + 60 * options.soak
    progress = Progress(dict.fromkeys(options.sides, expected))
    for side in options.sides:
        progress.begin(side)
        try:
            with placed(
                side,
                options.space,
                mix,
                metrics=options.metrics,
                tokens=options.token,
                most_replicas=options.replicas_max,
            ) as place:
                _measured(place, options, texts, mix, progress, found)
        except (StartError, LoadError) as error:
            report.claim(f"{side}: the load was put on", None, "", ">= 1", note=str(error))
    found.conclude(report)
    return report


class _Found:
    """Results of all sides."""

    def __init__(self) -> None:
        self.levels: list[Level] = []
        self.rounds: dict[str, list[fairness.Round]] = {}
        self.fleets: dict[str, Sequence[Mapping[str, object]]] = {}
        self.readings: list[tuple[str, Reading]] = []
        self.soaked: dict[str, Sequence[Reading]] = {}
        self.titles: dict[str, str] = {}

    def conclude(self, report: Report) -> None:
        """The tables, and the claims of each side."""
        if self.levels:
            whole, kinds = levels.rows(self.levels)
            report.table(TABLE, whole)
            report.table(KINDS_TABLE, kinds)
        if self.rounds:
            every = [{"side": side, **row} for side, own in self.rounds.items() for row in fairness.rows(own)]
            report.table("a quiet tenant and a greedy one", every)
        if self.fleets:
            report.table(
                "a fleet", [{"side": side, **row} for side, own in self.fleets.items() for row in own]
            )
        if self.readings:
            report.table(
                MEMORY_TABLE,
                [
                    {
                        "side": side,
                        "second": one.at,
                        "MB": one.memory / 1e6,
                        "processes": _written(one.replicas),
                    }
                    for side, one in self.readings
                ],
            )
        for side, title in self.titles.items():
            self._of_side(report, side, title)

    def _of_side(self, report: Report, side: str, title: str) -> None:
        at = {one.rate / one.knee: one for one in self.levels if one.side == side and one.knee}
        if len(at) > 1:
            over, knee = at[max(at)], at[min(at, key=lambda times: abs(times - 1))]
            report.claim(
                f"{title}: goodput of the mix at {max(at):g} × the knee, of that at the knee",
                over.goodput / knee.goodput if knee.goodput else None,
                "",
                f">= {GOODPUT:g}",
                note=f"{over.goodput:.1f} of {knee.goodput:.1f} calls/s",
            )
            refused = over.row()
            report.claim(
                f"{title}: time to be refused at {max(at):g} × the knee, p50",
                _number(refused["refused p50 ms"]),
                "ms",
                f"<= {MOST_REFUSED_MS:g}",
                note=f"{refused['refused']} refused, {refused['told when to return']} of them told when to "
                f"return; {refused['late']} late",
            )
        if rounds := self.rounds.get(side):
            alone, beside = fairness.percentiles(rounds, 99)
            ratio = beside / alone
            report.claim(
                f"{title}: a quiet tenant's p99 beside a greedy one, times its p99 alone",
                ratio if math.isfinite(ratio) else None,
                "×",
                f"<= {FAIR:g}",
                note=f"{beside:.0f} ms and {alone:.0f} ms"
                if math.isfinite(ratio)
                else "more than one in a hundred calls of the quiet tenant had no answer",
            )
        if rows := self.fleets.get(side):
            without, within = fleet.attempts(rows)
            report.claim(
                f"{title}: attempts a call of a fleet with a budget of retries, in an overload",
                within,
                "",
                f"<= {REPEATED:g}",
                note=f"{without:.2f} without a budget",
            )
        if readings := self.soaked.get(side):
            warm = [int(one.memory) for one in readings if one.at >= WARM_SHARE * readings[-1].at]
            report.claim(
                f"{title}: memory grows in a soak by",
                grown(warm),
                "%",
                f"<= {FLAT:g}",
                note=f"{readings[-1].at / 60:.1f} minutes at {SOAK_TIMES:g} × the knee, of which the first "
                f"{WARM_SHARE:.0%} are to warm up",
            )


def _measured(
    place: Place, options: argparse.Namespace, texts: Corpus, mix: Mix, progress: Progress, found: _Found
) -> None:
    """The parts that were asked for, on one side."""
    side = place.side
    found.titles[side] = place.title
    trace = made(options.seed) if options.trace is None else read(options.trace)
    work = Work(mix, texts, [one.asked.question for one in questions()], options.seed)
    target = PipelineTarget(place.address, options.space, place.tokens)
    with ExitStack() as stack:
        watch = stack.enter_context(Watch(place.metrics))
        generator = stack.enter_context(generating(target, first=True))
        every = range(len(place.tokens))
        ladder = Ladder(side, generator, work, trace, every, progress.say, options.seed)
        ladder.calm()
        knee = options.knee
        if knee is None:
            knee, probes = levels.sought(ladder)
            found.levels += probes
        progress.say(f"the knee is at {knee:.1f} calls/s")
        if LEVELS in options.parts:
            found.levels += [ladder.level(times * knee, options.seconds, knee) for times in TIMES]
        if FAIRNESS in options.parts and len(place.tokens) >= len(TENANTS):
            beside = stack.enter_context(generating(target, first=True))
            quiet = Ladder(side, generator, work, trace, (0,), progress.say, options.seed)
            greedy = Ladder(side, beside, Work(mix, texts, work.questions, -1), trace, (1,), progress.say, -1)
            found.rounds[side] = [
                fairness.measured(quiet, greedy, knee, options.seconds) for _ in range(options.rounds)
            ]
        if FLEET in options.parts:
            found.fleets[side] = fleet.measured(target, work, trace, knee, options.clients, progress.say)
        if options.soak:
            with Watch(place.metrics) as soaking:
                ladder.level(SOAK_TIMES * knee, 60 * options.soak, knee)
            found.soaked[side] = soaking.readings
    found.readings += [(side, one) for one in watch.readings]


def _written(replicas: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(replicas.items()))


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None
