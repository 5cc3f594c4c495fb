"""Plan of a run: what it measures, how often and for how long, as its options have it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peers.tuning import QUICK as QUICK_TUNINGS
from benchmarks.peers.tuning import TUNINGS, Tuning
from benchmarks.speed.cells import CURVES, FURTHER, QUICK, TABLE, Cell, Mix, chosen
from benchmarks.speed.repeats import CELLS as REPEAT_CELLS
from benchmarks.speed.rounds import Rounds
from benchmarks.speed.sides import INT8, LOCAL, RAY, Group, names

START_SECONDS, LEVEL_SECONDS = 15.0, 8.0  # roughly, of a server and of a level of overload


@dataclass(frozen=True)
class Plan:
    """Cells of the `table` are measured in every round; `curves` of every side, `further` of ours, once.

    `seconds` is a turn's length at the limit's rate, in the sweep of the peers' `tunings` `sweep_seconds`;
    `levels` are multiples of the capacity. No server is started after `minutes`.
    """

    table: Sequence[Cell]
    curves: Sequence[Cell]
    further: Sequence[Cell]
    repeated: Sequence[Cell]
    sides: Sequence[str]
    tunings: Sequence[Tuning]
    rounds: int
    repeat_rounds: int
    limit_rounds: int
    seconds: float
    sweep_seconds: float
    minutes: float
    levels: Sequence[float]
    peer_levels: Sequence[float]

    @classmethod
    def of(cls, options: argparse.Namespace, *, photos: bool) -> Plan:
        """The plan of these options; without photos, no cells of them."""
        quick: bool = options.quick
        table = chosen(QUICK if quick else TABLE, options.cells)
        curves = () if quick else chosen(CURVES, options.cells)
        further = () if quick else chosen(FURTHER, options.cells)
        further = tuple(cell for cell in further if photos or cell.mix != "photos")
        if not table:  # cells were named that are of no table: they get the rounds
            table, curves, further = (*curves, *further), (), ()
        if not table:
            raise SystemExit(f"speed: no cell is called {' or '.join(options.cells)}")
        return cls(
            table=table,
            curves=curves,
            further=further,
            repeated=REPEAT_CELLS[:1] if quick else REPEAT_CELLS,
            sides=options.sides or ((LOCAL, RAY) if quick else names()),
            tunings=QUICK_TUNINGS if quick else TUNINGS,
            rounds=options.rounds or (2 if quick else 5),
            repeat_rounds=2 if quick else 3,
            limit_rounds=2 if quick else 3,
            seconds=options.seconds or (0.5 if quick else 2.0),
            sweep_seconds=0.3 if quick else 0.7,
            minutes=options.minutes,
            levels=(3.0,) if quick else (0.5, 1.0, 1.5, 3.0),
            peer_levels=(3.0,) if quick else (1.0, 1.5, 3.0),
        )

    @property
    def mixes(self) -> list[Mix]:
        """The mixes of all cells."""
        repeated = self.repeated if LOCAL in self.sides else ()
        cells = (*self.table, *self.curves, *self.further, *repeated)
        return list(dict.fromkeys(cell.mix for cell in cells))

    def rounds_of(self, group: Group) -> Rounds:
        """Rounds by which a group is measured."""
        ours = () if INT8 in group.sides else (*self.curves, *self.further)
        return Rounds(self.table, self.curves if group.is_peer else ours, self.rounds, self.seconds)

    def levels_of(self, group: Group) -> Sequence[float]:
        """The overload that a group is put under."""
        if INT8 in group.sides:
            return ()
        return self.peer_levels if group.is_peer else self.levels

    def expected(self, group: Group) -> float:
        """Seconds that a group will take, roughly: its start, its turns and the limit's, its studies."""
        rounds = self.rounds_of(group)
        turns = (5.0 if group.is_peer else 3.5) * (rounds.rounds * len(rounds.table) + len(rounds.once))
        if group.is_peer:
            turns += len(self.tunings) * (START_SECONDS / self.seconds + 4.0 * len(rounds.table))
        repeats = 12.0 * len(self.repeated) * self.repeat_rounds if LOCAL in group.sides else 0.0
        studies = LEVEL_SECONDS * len(self.levels_of(group)) + repeats * self.seconds
        return START_SECONDS + turns * self.seconds + studies

    @property
    def expected_of_limit(self) -> float:
        """Seconds until the best policies are known, roughly."""
        return 9.0 * len(self.mixes) * self.seconds
