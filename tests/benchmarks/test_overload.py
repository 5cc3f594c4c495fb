"""What is said of an overload, and what a refusal is found to cost."""

from __future__ import annotations

import pytest

from benchmarks.report import Claim, Report
from benchmarks.speed.overload import Overload
from benchmarks.speed.overload_claims import conclude
from benchmarks.speed.refusals import BARE, LOOKED_AT, NAMED, SCREENED, refusals
from benchmarks.speed.sides import LOCAL

pytestmark = pytest.mark.all


def overload(goodput: float) -> Overload:
    return Overload(
        side=LOCAL,
        level=3.0,
        capacity=100.0,
        offered=300.0,
        goodput=goodput,
        p50=300.0,
        p99=700.0,
        rejections=1000,
        rejected_p50=4.0,
        hinted=1000,
        followed=20,
        followed_well=19,
        failures=0,
        generator_share=0.2,
        generator_late=3.0,
    )


def claims(*overloads: Overload) -> dict[str, Claim]:
    report = Report()
    conclude(report, overloads, lambda side: f"{side} did not start")
    return {claim.name: claim for claim in report.claims}


def test_of_several_overloads_the_median_is_held_against_the_aim() -> None:
    found = claims(overload(95.0), overload(50.0), overload(91.0))

    goodput = found["tieback, local: goodput at 3 × capacity, share of the capacity"]
    assert (goodput.value, goodput.met) == (0.91, True)
    followed = found["tieback, local: refused and served when they came back as told, after the overload"]
    assert (followed.value, followed.note) == (0.95, "57 of 60, a tenth of the refused")


def test_on_ray_serve_the_aim_is_lower_and_a_side_without_a_number_says_why() -> None:
    goodput = claims()["tieback on Ray Serve: goodput at 3 × capacity, share of the capacity"]

    assert (goodput.target, goodput.met, goodput.note) == (">= 0.8", None, "ray did not start")


def test_each_way_to_be_refused_costs_the_server_and_the_caller_something() -> None:
    costs = {cost.way: cost for cost in refusals(lambda _: None, rounds=1)}

    assert set(costs) == {BARE, LOOKED_AT, SCREENED, NAMED}
    assert all(20.0 < cost.server < 20_000.0 for cost in costs.values())
    assert all(20.0 < cost.caller < 20_000.0 for cost in costs.values())
