"""What a run of the speed benchmark could have found."""

from __future__ import annotations

from benchmarks.report import Report
from benchmarks.speed.cells import ALL, TABLE, Cell, Mix
from benchmarks.speed.claims import Found, conclude
from benchmarks.speed.fidelity import Fidelity
from benchmarks.speed.limit import BEST, FUSED, INT8, ONE_BY_ONE, POLICIES, Policy
from benchmarks.speed.overload import Overload
from benchmarks.speed.repeats import CELLS, Repeats
from benchmarks.speed.rounds import Sample

LIMITS: dict[Mix, float] = {"short": 400.0, "mixed": 90.0, "long": 30.0, "photos": 60.0}
SHARES = {"local": 0.95, "local_int8": 2.1, "ray": 0.9, "mlserver": 0.5, "litserve": 0.2}
PEERS = ["mlserver", "litserve", "triton"]


class Limits:
    """What the bare loops have found."""

    def __init__(self) -> None:
        self.best: dict[Mix, Policy] = dict.fromkeys(LIMITS, ONE_BY_ONE)
        self.rates: dict[Mix, dict[str, float]] = {
            mix: {policy.name: rate for policy in POLICIES} for mix, rate in LIMITS.items()
        }
        self.others: dict[Mix, dict[str, float]] = {
            mix: {BEST: rate, FUSED: 0.95 * rate, INT8: 2.4 * rate}
            for mix, rate in LIMITS.items()
            if mix != "photos"
        }


def sample(side: str, cell: Cell, share: float, *, disturbed: float = 1.0) -> Sample:
    limit = LIMITS[cell.mix] * disturbed
    p50 = 1e3 * cell.items * cell.in_flight / (share * limit)
    return Sample(
        side=side,
        cell=cell,
        rate=share * limit,
        limit_rate=limit,
        p50=p50,
        p90=1.5 * p50,
        p99=2.0 * p50,
        limit_p50=1e3 / limit,
        failures=0,
        rejections=0,
        generator_share=0.1,
        padding=0.05 if side in ("local", "ray") else None,
        others=0.0,
    )


def overload(side: str, level: float, share: float) -> Overload:
    return Overload(
        side=side,
        level=level,
        capacity=400.0,
        offered=level * 400.0,
        goodput=share * 400.0,
        p50=200.0,
        p99=900.0,
        rejections=800,
        rejected_p50=3.0,
        hinted=800,
        followed=80,
        followed_well=79,
        failures=0,
        generator_share=0.3,
        generator_late=2.0,
    )


def found() -> Found:
    """Three sides of ours and two peers; Triton did not start."""
    made = Found("a few texts", peers=PEERS, missing={"triton": "did not start"})
    for side, share in SHARES.items():
        for cell in ALL if side == "local" else TABLE:
            made.samples += [sample(side, cell, share, disturbed=one) for one in (1.0, 0.5, 0.9)]
    for side, share in (("local", 0.97), ("ray", 0.95), ("mlserver", 0.2)):
        made.overloads += [overload(side, level, min(level, share)) for level in (0.5, 1.0, 3.0)]
    made.tunings = {"mlserver": {cell.key: "sorted" for cell in TABLE}}
    made.repeats = [Repeats(cell, cached, 100.0) for cell in CELLS for cached in (141.0, 142.0)]
    made.fidelities = [Fidelity("local", 1e-7, 0.0, 1.0), Fidelity("local_int8", 0.01, 0.0, 0.98)]
    made.drifts = [("STS Spearman", 0.820, 0.823), ("Cranfield nDCG@10", 0.360, 0.362)]
    return made


def report(of: Found) -> Report:
    made = Report(command="scripts/bench speed")
    conclude(made, of, Limits())
    return made
