"""The encoder service against the machine's own limit and against other servers of the same file.

Every side is asked for the same texts in the same cells, by a load generator in a process of its own; one
server runs at a time, in alternating rounds with the bare loop (benchmarks/speed/limit.py), and ratios are to
the limit of the same round. Cells are MIX-ITEMS@FLIGHT, for instance mixed-32@8. Then follow an overload, a
repeated load, and the vectors themselves. `scripts/bench peers` sets up the other servers, each of which is
swept over tunings first and measured by the best for each cell.

The file of --json is written after every server, so that a run that is cut leaves what it has.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

import grpc
import numpy as np
from tieback.v1 import catalog_pb2, catalog_pb2_grpc

from benchmarks import corpus
from benchmarks.corpus import Corpus
from benchmarks.load.disturbance import mark_children
from benchmarks.load.generator import Generator, LoadError, generating
from benchmarks.load.tieback import TEXT_SPACE, StubTarget
from benchmarks.peers import peers
from benchmarks.peers.tuning import TUNINGS
from benchmarks.progress import Progress
from benchmarks.report import Report, machine
from benchmarks.served import Served, StartError
from benchmarks.speed.cells import draw
from benchmarks.speed.claims import Found, conclude
from benchmarks.speed.fidelity import fidelity, smallest_cosine
from benchmarks.speed.limit import ONE_BY_ONE, POLICIES, Limit
from benchmarks.speed.overload import BOUND_SECONDS, overload
from benchmarks.speed.plan import Plan
from benchmarks.speed.repeats import repeats
from benchmarks.speed.rounds import Rounds, Sample, measure
from benchmarks.speed.sides import INT8, LOCAL, Group, Running, groups, names
from benchmarks.speed.tuned import best, rows, sweep

SAME, ALIKE = 0.9999, 0.95  # cosine to the bare graph: of the same file, of its int8 variant
CHECKED = 16
QUEUE = 128
"""Requests that may wait at a peer in overload: about half a second of what two cores can do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    corpus.add_argument(parser)
    parser.add_argument("--quick", action="store_true", help="two sides, four cells, under two minutes")
    parser.add_argument(
        "--sides", nargs="+", metavar="SIDE", choices=names(), help=f"of {', '.join(names())}"
    )
    parser.add_argument("--cells", nargs="+", metavar="CELL", help="such as short-1@32 or 'mixed-*'")
    parser.add_argument("--rounds", type=int, help="rounds of every side (5, quick 2)")
    parser.add_argument("--seconds", type=float, help="of a turn at the limit's rate (2, quick 0.5)")
    parser.add_argument(
        "--minutes", type=float, default=85.0, help="no server is started after so long (85); see --json"
    )


def run(options: argparse.Namespace) -> Report:
    mark_children()
    texts = corpus.chosen(options)
    one = Run(Plan.of(options, photos=bool(texts.photos)), texts)
    one.find_limits()
    report = one.report(options)
    for group in one.groups:
        one.measure(group)
        report = one.report(options)
    return report


class Run:
    """One run of the benchmark, and what it has found so far."""

    def __init__(self, plan: Plan, texts: Corpus) -> None:
        self.plan = plan
        self.groups = groups(plan.sides)
        self.limit = Limit()
        self.found = Found(texts.source, peers=[group.name for group in self.groups if group.is_peer])
        self._texts = texts
        self._machine = machine()
        self._command = " ".join(["scripts/bench", *sys.argv[1:]])
        self._end = time.monotonic() + 60.0 * plan.minutes
        self._progress = Progress(
            {"the limit": plan.expected_of_limit}
            | {group.name: plan.expected(group) for group in self.groups}
        )

    def report(self, options: argparse.Namespace) -> Report:
        """Report of what was found so far, also written where the options say."""
        report = Report(machine=self._machine, command=self._command)
        conclude(report, self.found, self.limit)
        if options.json is not None:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            partial = options.json.with_name(f"{options.json.name}.partial")
            partial.write_text(report.json())
            partial.replace(options.json)
        return report

    def find_limits(self) -> None:
        """The best policy for each mix."""
        self._progress.begin("the limit")
        for mix in self.plan.mixes:
            self._progress.say(f"{mix}: {len(POLICIES)} policies")
            one = self.limit.turn(mix, draw(self._texts, mix, 16, 0), ONE_BY_ONE)
            count = max(32, round(one.rate * self.plan.seconds / 2))
            self.limit.find(mix, draw(self._texts, mix, count, 1), rounds=self.plan.limit_rounds)
            self._progress.say(f"{mix}: {self.limit.best[mix].name}")
            if mix != "photos":
                self.limit.find_others(mix, draw(self._texts, mix, count, 1), rounds=self.plan.limit_rounds)

    def measure(self, group: Group) -> None:
        """Starts the group's server, measures its sides, ends it. What goes wrong is kept as the reason."""
        self._progress.begin(group.name)
        if time.monotonic() > self._end:
            self.found.missing |= dict.fromkeys(group.sides, "the run's time was over (--minutes)")
            return
        try:
            if group.is_peer:
                self._tuned(group)
                return
            with group.serve(TUNINGS[0]) as running:
                self._rounds(self.plan.rounds_of(group), group.sides, running)
                self._studies(group, running)
        except (StartError, LoadError, OSError) as error:
            self._progress.say(f"missing: {error}")
            self.found.missing |= {side: str(error) for side in group.sides}

    def _tuned(self, group: Group) -> None:
        """Sweeps a peer, then measures each cell by the tuning that is its best there."""
        (side,) = group.sides
        whole = self.plan.rounds_of(group)
        if not peers()[side].is_ready:
            raise StartError(f"not set up; run: scripts/bench peers --only {side}")

        def measured(rounds: Rounds, side: str, running: Running) -> list[Sample]:
            return self._measured(rounds, [side], running)

        tried = sweep(
            group, self.plan.tunings, whole.table, self.plan.sweep_seconds, measured, self._progress.say
        )
        if not tried:
            raise StartError("none of its tunings could be measured")
        chosen = best(tried, (*whole.table, *whole.once))
        self.found.swept += rows(side, tried, chosen)
        self.found.tunings[side] = {cell.key: tuning.name for cell, tuning in chosen.items()}
        for tuning in dict.fromkeys(chosen.values()):
            table, once = (
                [cell for cell in cells if chosen[cell] == tuning] for cells in (whole.table, whole.once)
            )
            self._progress.say(f"best in {len(table) + len(once)} cells: {tuning.name}")
            with group.serve(tuning) as running:
                self._rounds(dataclasses.replace(whole, table=table, once=once), [side], running)
        if levels := self.plan.levels_of(group):
            usual = next((chosen[cell] for cell in whole.table if cell.key == "short-1@32"), TUNINGS[0])
            limited = dataclasses.replace(usual, queue=QUEUE, deadline=BOUND_SECONDS)
            with group.serve(limited) as running:
                self.found.overloads += overload(
                    side, running.targets[side], self._texts, levels=levels, say=self._progress.say
                )

    def _rounds(self, rounds: Rounds, sides: Sequence[str], running: Running) -> None:
        self.found.samples += self._measured(rounds, sides, running)

    def _measured(self, rounds: Rounds, sides: Sequence[str], running: Running) -> list[Sample]:
        with ExitStack() as stack:
            generators: dict[str, Generator] = {}
            for side in sides:
                if side not in running.targets:
                    self.found.missing[side] = "the server names no endpoints that can be asked directly"
                    continue
                generators[side] = stack.enter_context(generating(running.targets[side]))
                self._check(side, generators[side])
            return measure(rounds, generators, self.limit, self._texts, running.server, self._progress.say)

    def _check(self, side: str, generator: Generator) -> None:
        """Raises StartError where the side computes something else than the bare graph."""
        texts = draw(self._texts, "mixed", CHECKED, 0)
        half = CHECKED // 2
        vectors = np.concatenate(
            generator.vectors([tuple(texts[:half]), *((text,) for text in texts[half:])])
        )
        cosine = smallest_cosine(vectors, self.limit, texts)
        if not cosine >= (ALIKE if side == INT8 else SAME):
            raise StartError(f"computes something else: cosine {cosine:.5f} to the bare session")

    def _studies(self, group: Group, running: Running) -> None:
        """Measurements of the group's first side beside the cells."""
        side = group.sides[0]
        target = running.targets.get(side)
        if target is None:
            return
        if isinstance(target, StubTarget) and side in (LOCAL, INT8):
            self._progress.say("vectors alone and in batches")
            self.found.fidelities.append(fidelity(side, target, self._texts, self.limit))
        if side == INT8 and running.server is not None:
            self.found.drifts = _drifts(running.server)
        if side == LOCAL and isinstance(target, StubTarget):
            self._progress.say("30 % repeated texts")
            self.found.repeats += repeats(
                target,
                self._texts,
                items={
                    cell: 2 * self.plan.seconds * max(self.limit.rates[cell.mix].values())
                    for cell in self.plan.repeated
                },
                rounds=self.plan.repeat_rounds,
            )
        if levels := self.plan.levels_of(group):
            self.found.overloads += overload(side, target, self._texts, levels=levels, say=self._progress.say)


def _drifts(server: Served) -> list[tuple[str, float, float]]:
    """Costs of the int8 variant by the server's words: measure, int8, float32."""
    request = catalog_pb2.GetSpaceRequest(name=TEXT_SPACE)
    with grpc.insecure_channel(server.address) as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        drift = stub.GetSpace(request, timeout=10.0).space.drift
    return [(one.measure, one.value, one.float32_value) for one in drift]
