"""The encoder service against the machine's own limit and against other servers of the same file.

Every side is asked for the same texts in the same cells, by a load generator in a process of its own; one
server runs at a time, in alternating rounds with the bare loop (benchmarks/speed/limit.py), and ratios are to
the limit of the same round. Cells are MIX-ITEMS@FLIGHT, for instance mixed-32@8. Then follow an overload, a
repeated load, and the vectors themselves. `scripts/bench peers` sets up the other servers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack

import grpc
import numpy as np
from tieback.v1 import catalog_pb2, catalog_pb2_grpc

from benchmarks import corpus
from benchmarks.corpus import Corpus
from benchmarks.load.generator import Generator, LoadError, generating
from benchmarks.load.tieback import TEXT_SPACE, StubTarget
from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import Served, StartError
from benchmarks.speed import sides
from benchmarks.speed.cells import CURVES, FURTHER, QUICK, TABLE, Cell, Mix, chosen, draw
from benchmarks.speed.claims import Found, conclude
from benchmarks.speed.fidelity import fidelity, smallest_cosine
from benchmarks.speed.limit import ONE_BY_ONE, POLICIES, Limit
from benchmarks.speed.overload import overload
from benchmarks.speed.repeats import CELLS as REPEAT_CELLS
from benchmarks.speed.repeats import repeats
from benchmarks.speed.rounds import Rounds, measure

QUICK_SIDES = (sides.LOCAL, sides.RAY)
LEVELS, QUICK_LEVELS, PEER_LEVELS = (0.5, 1.0, 1.5, 2.0, 3.0), (3.0,), (0.5, 1.0, 2.0, 3.0)
SAME, ALIKE = 0.9999, 0.95  # cosine to the bare graph: of the same file, of its int8 variant
CHECKED = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    corpus.add_argument(parser)
    parser.add_argument("--quick", action="store_true", help="two sides, four cells, under two minutes")
    parser.add_argument(
        "--sides", nargs="+", metavar="SIDE", choices=sides.names(), help=f"of {sides.names()}"
    )
    parser.add_argument("--cells", nargs="+", metavar="CELL", help="such as short-1@32 or 'mixed-*'")
    parser.add_argument("--rounds", type=int, help="rounds of tieback's sides (4, quick 2)")
    parser.add_argument("--peer-rounds", type=int, default=2, help="rounds of each peer (2)")
    parser.add_argument("--seconds", type=float, help="of a turn at the limit's rate (1.2, quick 0.6)")


class Run:
    """One run of the benchmark: what was asked for, and what was found so far."""

    def __init__(self, options: argparse.Namespace, texts: Corpus) -> None:
        self.quick: bool = options.quick
        self.corpus = texts
        self.seconds: float = options.seconds or (0.6 if self.quick else 1.2)
        self.rounds: int = options.rounds or (2 if self.quick else 4)
        self.peer_rounds: int = options.peer_rounds
        wanted = options.sides or (QUICK_SIDES if self.quick else sides.names())
        self.groups = sides.groups(wanted)
        self.table = chosen(QUICK if self.quick else TABLE, options.cells)
        self.curves = () if self.quick else chosen(CURVES, options.cells)
        self.further = (
            ()
            if self.quick
            else tuple(
                cell for cell in chosen(FURTHER, options.cells) if cell.mix != "photos" or texts.photos
            )
        )
        if not self.table:  # cells were named that are of no table: they get the rounds
            self.table, self.curves, self.further = (*self.curves, *self.further), (), ()
        self.limit = Limit()
        self.found = Found(texts.source, peers=[group.name for group in self.groups if group.is_peer])
        self.progress = Progress(
            {"the limit": 9.0 * len(self._mixes()) * self.seconds}
            | {group.name: self._expected(group) for group in self.groups}
        )

    def find_limits(self) -> None:
        """Which policy is best for each mix."""
        self.progress.begin("the limit")
        for mix in self._mixes():
            self.progress.say(f"{mix}: {len(POLICIES)} policies")
            one = self.limit.turn(mix, draw(self.corpus, mix, 16, 0), ONE_BY_ONE)
            count = max(32, round(one.rate * self.seconds / 2))
            self.limit.find(mix, draw(self.corpus, mix, count, 1), rounds=2 if self.quick else 3)
            self.progress.say(f"{mix}: {self.limit.best[mix].name}")

    def measure(self, group: sides.Group) -> None:
        """Starts the group's server, measures its sides, ends it. What goes wrong is kept as the reason."""
        self.progress.begin(group.name)
        try:
            with group.serve() as running:
                self._rounds(group, running)
                self._studies(group, running)
        except (StartError, LoadError, OSError) as error:
            self.progress.say(f"missing: {error}")
            self.found.missing |= {side: str(error) for side in group.sides}

    def _rounds(self, group: sides.Group, running: sides.Running) -> None:
        once: Sequence[Cell] = self.curves if group.is_peer else (*self.curves, *self.further)
        if group.sides == [sides.INT8]:
            once = ()
        plan = Rounds(self.table, once, self.peer_rounds if group.is_peer else self.rounds, self.seconds, 1)
        with ExitStack() as stack:
            generators: dict[str, Generator] = {}
            for side in group.sides:
                if side not in running.targets:
                    self.found.missing[side] = "the server names no endpoints that can be asked directly"
                    continue
                generator = stack.enter_context(generating(running.targets[side]))
                self._check(side, generator)
                generators[side] = generator
            self.found.samples += measure(
                plan, generators, self.limit, self.corpus, running.server, self.progress.say
            )

    def _check(self, side: str, generator: Generator) -> None:
        """Raises StartError where the side computes something else than the bare graph."""
        texts = draw(self.corpus, "mixed", CHECKED, 0)
        vectors = np.concatenate(generator.vectors([tuple(texts[:8]), *((text,) for text in texts[8:])]))
        cosine = smallest_cosine(vectors, self.limit, texts)
        if not cosine >= (ALIKE if side == sides.INT8 else SAME):
            raise StartError(f"computes something else: cosine {cosine:.5f} to the bare session")

    def _studies(self, group: sides.Group, running: sides.Running) -> None:
        side = group.sides[0]
        target = running.targets[side]
        if isinstance(target, StubTarget) and side in (sides.LOCAL, sides.INT8):
            self.progress.say("vectors alone and in batches")
            self.found.fidelities.append(fidelity(side, target, self.corpus, self.limit))
        if side == sides.INT8 and running.server is not None:
            self.found.drifts = _drifts(running.server)
            return
        if side == sides.LOCAL and isinstance(target, StubTarget):
            self.progress.say("30 % repeated texts")
            cells = REPEAT_CELLS[:1] if self.quick else REPEAT_CELLS
            items = {cell: 2 * self.seconds * self._rate(cell) for cell in cells}
            self.found.repeats += repeats(
                target, self.corpus, cells=cells, items=items, rounds=2 if self.quick else 3
            )
        levels = QUICK_LEVELS if self.quick else PEER_LEVELS if group.is_peer else LEVELS
        self.found.overloads += overload(
            side, target, self.corpus, levels=levels, seconds=3 * self.seconds, say=self.progress.say
        )

    def _rate(self, cell: Cell) -> float:
        rates = self.limit.rates.get(cell.mix) or self.limit.rates[self.table[0].mix]
        return max(rates.values())

    def _mixes(self) -> list[Mix]:
        return list(dict.fromkeys(cell.mix for cell in (*self.table, *self.curves, *self.further)))

    def _expected(self, group: sides.Group) -> float:
        """Seconds that a group will take, roughly: its start, its turns and the limit's, its studies."""
        turns = 1 + len(group.sides)
        rounds = self.peer_rounds if group.is_peer else self.rounds
        slow = 3.0 if group.is_peer else 1.5  # than the limit
        cells = rounds * len(self.table) + len(self.curves) + (0 if group.is_peer else len(self.further))
        levels = QUICK_LEVELS if self.quick else LEVELS
        studies = 5.0 * self.seconds * len(levels) + (12 * self.seconds if group.name == "local" else 0.0)
        return 20.0 + slow * cells * turns * self.seconds + studies


def run(options: argparse.Namespace) -> Report:
    one = Run(options, corpus.chosen(options))
    report = Report()
    one.find_limits()
    for group in one.groups:
        one.measure(group)
    conclude(report, one.found, one.limit)
    return report


def _drifts(server: Served) -> list[tuple[str, float, float]]:
    """What the server says that its int8 variant costs: measure, int8, float32."""
    request = catalog_pb2.GetSpaceRequest(name=TEXT_SPACE)
    with grpc.insecure_channel(server.address) as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        drift = stub.GetSpace(request, timeout=10.0).space.drift
    return [(one.measure, one.value, one.float32_value) for one in drift]
