"""Alternating rounds of one server's sides and the bare loop, all on the same work.

What disturbs the machine disturbs a whole round, so a side is compared with the limit of its own round: one
half of the bare loop runs before the sides' turns, the other half after them. A server and its callers need
both cores of a small machine and the bare loop needs one, so what other processes take is not shared evenly:
where they took more than a little, the turns of that cell are taken again, and the quieter ones count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.corpus import Corpus
from benchmarks.load.disturbance import Disturbance
from benchmarks.load.generator import Generator
from benchmarks.load.tieback import TEXT_SPACE
from benchmarks.load.turn import Turn
from benchmarks.served import Served
from benchmarks.speed.cells import Cell
from benchmarks.speed.limit import ONE_BY_ONE, BareLoop, Limit, LimitTurn
from benchmarks.speed.sides import SECONDARY

PATIENCE = 3.0
"""A turn sends no more after so many times the seconds that it should take."""

DISTURBED = 0.05
"""Of a core: where other processes took more, a cell's turns are taken again, one cell in two at most."""


@dataclass(frozen=True)
class Sample:
    """One side's turn in one cell, and the limit's turn on the same work.

    Rates are items a second, times milliseconds; `padding` is the share of the computed tokens that was
    padding, where the server counts it. `others` is what other processes took meanwhile, 1 for one core.
    """

    side: str
    cell: Cell
    rate: float
    limit_rate: float
    p50: float
    p90: float
    p99: float
    limit_p50: float
    failures: int
    rejections: int
    generator_share: float
    padding: float | None
    others: float

    @property
    def ratio(self) -> float:
        """The share of the limit."""
        return self.rate / self.limit_rate

    @property
    def added(self) -> float:
        """Milliseconds that the median answer took longer than the median bare run, in milliseconds."""
        return self.p50 - self.limit_p50


@dataclass(frozen=True)
class Rounds:
    """Measurement of a server: the cells of its table `rounds` times, its other cells once."""

    table: Sequence[Cell]
    once: Sequence[Cell]
    rounds: int
    seconds: float  # of a turn, at the limit's rate
    steady: bool = True
    """Whether a turn is long enough for a steady state."""


def measure(
    plan: Rounds,
    generators: Mapping[str, Generator],
    limit: Limit,
    corpus: Corpus,
    server: Served | None,
    say: Callable[[str], None],
) -> list[Sample]:
    """A sample of each side that takes part, for each cell and round."""
    samples: list[Sample] = []
    _warm_up(plan, generators, limit, corpus, server)
    sides = list(generators)
    again = (plan.rounds * len(plan.table) + len(plan.once)) // 2
    for number in range(plan.rounds):
        cells = [*plan.table, *(plan.once if number == 0 else ())]
        say(f"round {number + 1} of {plan.rounds}, {len(cells)} cells")
        for cell in cells:
            order = sides[number % len(sides) :] + sides[: number % len(sides)]
            order = [side for side in order if _is_asked(side, cell, plan, server)]
            if not order:
                continue
            work = cell.work(corpus, _items(plan, limit, cell), number, steady=plan.steady)
            inputs = [item for request in work for item in request]
            policy = ONE_BY_ONE if cell.one_at_a_time else None
            taken = _taken(order, generators, plan, cell, work, limit.loop(cell.mix, inputs, policy), server)
            if taken[0].others > DISTURBED and again:
                again -= 1
                say(f"{cell.key} again: other processes took {taken[0].others:.2f} of a core")
                loop = limit.loop(cell.mix, inputs, policy)
                second = _taken(order, generators, plan, cell, work, loop, server)
                taken = min(taken, second, key=lambda one: one[0].others)
            samples += taken
    return samples


def _taken(
    order: Sequence[str],
    generators: Mapping[str, Generator],
    plan: Rounds,
    cell: Cell,
    work: Sequence[tuple[object, ...]],
    loop: BareLoop,
    server: Served | None,
) -> list[Sample]:
    """One turn of each side in this order, between the halves of the bare loop."""
    disturbance = Disturbance()
    loop.run_half()
    turns = {side: _turn(generators[side], plan, cell, work, server) for side in order}
    loop.run_half()
    others, limit = disturbance.cores(), loop.turn()
    return [sample(side, cell, *turn, limit, others) for side, turn in turns.items()]


def _is_asked(side: str, cell: Cell, plan: Rounds, server: Served | None) -> bool:
    """Tell whether the side takes part: peers are not asked for photos, secondary sides for little."""
    if side in SECONDARY:
        return cell.mix == "short" and cell in plan.table
    return cell.mix != "photos" or server is not None


def _warm_up(
    plan: Rounds,
    generators: Mapping[str, Generator],
    limit: Limit,
    corpus: Corpus,
    server: Served | None,
) -> None:
    """A short turn of each mix, not counted: first calls pay for what is made on first use."""
    for mix in {cell.mix: cell for cell in (*plan.table, *plan.once)}.values():
        if mix.mix == "photos" and server is None:
            continue
        cell = Cell(mix.mix, 1, 8)
        work = cell.work(corpus, 0.3 * _items(plan, limit, cell), plan.rounds, steady=False)
        for generator in generators.values():
            generator.closed(work, in_flight=cell.in_flight, seconds=plan.seconds)


def _items(plan: Rounds, limit: Limit, cell: Cell) -> float:
    """Items of the limit in a turn's seconds."""
    policy = ONE_BY_ONE if cell.one_at_a_time else limit.best[cell.mix]
    return plan.seconds * limit.rates[cell.mix][policy.name]


def _turn(
    generator: Generator, plan: Rounds, cell: Cell, work: Sequence[tuple[object, ...]], server: Served | None
) -> tuple[Turn, float | None]:
    """The turn, and its padding where it is of a server of ours."""
    before = _counted(server) if server is not None else None
    turn = generator.closed(work, in_flight=cell.in_flight, seconds=PATIENCE * plan.seconds)
    if server is None or before is None or cell.mix == "photos":
        return turn, None
    padding, tokens = (now - then for now, then in zip(_counted(server), before, strict=True))
    return turn, padding / (padding + tokens) if padding + tokens else None


def _counted(server: Served) -> tuple[float, float]:
    """Padding and useful tokens that the server has computed so far."""
    return (
        server.metric("tieback_padding_tokens_total", space=TEXT_SPACE),
        server.metric("tieback_tokens_total", service="encoder", space=TEXT_SPACE),
    )


def sample(
    side: str, cell: Cell, turn: Turn, padding: float | None, limit: LimitTurn, others: float
) -> Sample:
    """One side's turn in a cell, beside the limit's; `others` are cores that other processes took."""
    return Sample(
        side=side,
        cell=cell,
        rate=turn.steady_rate,
        limit_rate=limit.rate,
        p50=1e3 * turn.percentile(50),
        p90=1e3 * turn.percentile(90),
        p99=1e3 * turn.percentile(99),
        limit_p50=1e3 * limit.p50,
        failures=turn.failed,
        rejections=len(turn.rejected),
        generator_share=turn.generator_share,
        padding=padding,
        others=others,
    )
