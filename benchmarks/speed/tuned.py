"""The best of a peer: every tuning is tried for a moment in every cell, and each cell keeps the fastest.

A server has one configuration at a time, so this is more than its users get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.load.generator import LoadError
from benchmarks.peers import peers
from benchmarks.peers.tuning import TUNINGS, Tuning, distinct
from benchmarks.served import StartError
from benchmarks.speed.cells import Cell
from benchmarks.speed.rounds import Rounds, Sample
from benchmarks.speed.sides import Group, Running

Measure = Callable[[Rounds, str, Running], list[Sample]]


@dataclass(frozen=True)
class Tried:
    """Results of a tuning in a cell: items a second, its share of the limit, and the median time in ms."""

    tuning: Tuning
    cell: Cell
    rate: float
    share: float
    p50: float

    @property
    def worth(self) -> float:
        """Value that the best is chosen by."""
        return 1.0 / self.p50 if self.cell.one_at_a_time else self.share


def sweep(
    group: Group,
    tunings: Sequence[Tuning],
    cells: Sequence[Cell],
    seconds: float,
    measure: Measure,
    say: Callable[[str], None],
) -> list[Tried]:
    """Runs the peer once for each tuning. What does not start or breaks is left out, and said."""
    (side,) = group.sides
    found = []
    for tuning in distinct(tunings, batch_alone=peers()[side].batch_alone):
        say(f"sweep: {tuning.name}")
        try:
            with group.serve(tuning) as running:
                rounds = Rounds(cells, (), 1, seconds, steady=False)
                found += [
                    Tried(tuning, one.cell, one.rate, one.ratio, one.p50)
                    for one in measure(rounds, side, running)
                    if not one.failures
                ]
        except (StartError, LoadError, OSError) as error:
            say(f"sweep: {tuning.name}: {error}")
    return found


def best(tried: Iterable[Tried], cells: Sequence[Cell]) -> dict[Cell, Tuning]:
    """The best tuning of each cell. One that was not swept has that of the same mix in single texts."""
    found: dict[Cell, Tried] = {}
    for one in tried:
        if one.cell not in found or one.worth > found[one.cell].worth:
            found[one.cell] = one
    like = {cell.mix: one for cell, one in found.items() if cell.items == 1 and not cell.one_at_a_time}
    chosen = {}
    for cell in cells:
        nearest = found.get(cell) or like.get(cell.mix)
        chosen[cell] = nearest.tuning if nearest else TUNINGS[0]
    return chosen


def rows(side: str, tried: Iterable[Tried], chosen: dict[Cell, Tuning]) -> list[dict[str, object]]:
    """As a table."""
    return [
        {
            "side": side,
            "tuning": one.tuning.name,
            "cell": one.cell.key,
            "items/s": one.rate,
            "share": one.share,
            "p50 ms": one.p50,
            "best": chosen.get(one.cell) == one.tuning,
        }
        for one in tried
    ]
