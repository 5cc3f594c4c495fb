"""A load of the whole pipeline: arrivals in bursts, a mix of calls, and the knee."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.corpus import Corpus
from benchmarks.data_folder import DataError
from benchmarks.load import _Found, levels
from benchmarks.load.arrivals import TRACE_RATE, TRACE_SECONDS, made, played, read
from benchmarks.load.levels import IN_TIME, Level
from benchmarks.load.mix import DEFAULT_MIX, KINDS, Asked, Work, parsed
from benchmarks.load.turn import Turn
from benchmarks.load.watch import read as read_page
from benchmarks.report import Report

pytestmark = pytest.mark.all

CORPUS = Corpus("nowhere", ("a short text", "another"), ("a long text of many words",), ())


def test_a_made_trace_has_bursts_and_is_the_same_each_time() -> None:
    trace = made(1)
    counts = np.histogram(trace, bins=int(TRACE_SECONDS))[0]

    assert trace == made(1) != made(2)
    assert len(trace) == pytest.approx(TRACE_RATE * TRACE_SECONDS, rel=0.3)
    assert counts.max() > 2 * np.median(counts)


def test_a_trace_is_played_at_any_rate_with_its_bursts_where_they_were() -> None:
    trace = [0.0, 1.0, 1.1, 1.2, 1.3, 1.4, 3.0, 4.0]

    slow, fast = played(trace, 10, 8.0, seed=0), played(trace, 1000, 8.0, seed=0)

    assert (len(slow), len(fast)) == (80, 8000)
    assert list(fast) == sorted(fast)
    in_burst = np.mean([1.0 <= at % (trace[-1] + trace[-1] / 7) < 1.5 for at in fast])
    assert in_burst > 0.5


def test_a_file_of_arrivals_is_read_from_its_first_and_a_wrong_one_refused(tmp_path: Path) -> None:
    file = tmp_path / "arrivals"
    file.write_text("# second\n12.5\n10.0\n\n11\n")

    assert read(file) == [0.0, 1.0, 2.5]
    for wrong in ("", "1.0\n", "1.0\n1.0\n", "noon\n"):
        file.write_text(wrong)
        with pytest.raises(DataError, match="arrivals"):
            read(file)


def test_a_mix_is_drawn_by_its_shares_and_no_two_calls_have_equal_texts() -> None:
    work = Work(parsed("retrieve 3, check 1"), CORPUS, ["why?"])

    drawn = [one for (one,) in [*work.draw(200, (0, 1)), *work.draw(200, (0, 1))]]

    kinds = [one.kind for one in drawn]
    assert kinds.count("retrieve") == pytest.approx(300, abs=40)
    assert kinds.count("retrieve") + kinds.count("check") == 400
    assert {one.tenant for one in drawn} == {0, 1}
    assert len({one.texts[0] for one in drawn}) == 400
    assert all(len(one.texts) == KINDS[one.kind].short + KINDS[one.kind].long for one in drawn)


@pytest.mark.parametrize(
    "wrong", ["", "retrieve", "retrieve many", "sing 3", "retrieve 1, retrieve 2", "check 0"]
)
def test_a_wrong_mix_is_refused(wrong: str) -> None:
    with pytest.raises(DataError):
        parsed(wrong)


def test_the_default_mix_is_that_of_the_help() -> None:
    assert parsed(DEFAULT_MIX) == {"retrieve": 60, "answer": 10, "check": 10, "ingest": 20}


def level(rate: float, knee: float | None, latencies: list[float], refused: int = 0) -> Level:
    """Retrievals that came evenly for ten seconds, and were answered in so many seconds, or refused."""
    count = len(latencies) + refused
    due = np.linspace(2.0, 9.0, count)
    turn = Turn(
        seconds=10.0,
        offered_seconds=10.0,
        due=due[: len(latencies)],
        latencies=np.array(latencies),
        items=np.ones(len(latencies), np.int64),
        rejected=np.full(refused, 0.002),
        retry_after=np.full(refused, 0.5),
        followed_at=np.zeros(0),
        followed_well=np.zeros(0, bool),
        failures={},
        generator_share=0.1,
        answered_of=np.arange(len(latencies)),
        rejected_of=np.arange(len(latencies), count),
    )
    work = [(Asked(number, "retrieve", 0, ["?"]),) for number in range(count)]
    return Level("local", rate, knee, 10.0, work, due, turn)


def test_what_is_answered_after_its_callers_time_is_no_goodput() -> None:
    found = level(10.0, 10.0, [0.1] * 51 + [1.5] * 17)

    assert found.share == pytest.approx(0.75)
    assert found.goodput == pytest.approx(51 / 8.5)
    [row] = found.by_kind()
    assert (row["calls"], row["in time"]) == (68, 0.75)


def test_the_knee_is_the_highest_rate_that_goes_well(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    class Ladder:
        def capacity(self) -> float:
            return 100.0

        def level(self, rate: float, seconds: float) -> Any:
            tried.append(rate)
            return level(rate, None, [0.1] * 100, refused=0 if rate <= 80.0 else 10)

    knee, probes = levels.sought(Ladder())  # type: ignore[arg-type]  # what is asked of it

    assert 70.0 <= knee <= 80.0
    assert len(probes) == len(tried) == levels.PROBES
    assert all((one.share >= IN_TIME) == (one.rate <= 80.0) for one in probes)


def test_an_overload_is_held_against_what_was_answered_at_the_knee() -> None:
    found, report = _Found(), Report()
    found.titles["local"] = "here"
    found.levels = [level(10.0, 10.0, [0.1] * 85), level(30.0, 10.0, [0.3] * 34, refused=200)]

    found.conclude(report)

    goodput, refused = report.claims
    assert (goodput.value, goodput.met) == (0.4, False)
    assert (refused.value, refused.met) == (2.0, True)
    assert {row["kind"] for row in report.tables["levels by kind of call"]} == {"retrieve"}


def test_memory_and_replicas_are_read_off_the_page_of_metrics() -> None:
    page = "\n".join(
        [
            "# TYPE process_resident_memory_bytes gauge",
            'process_resident_memory_bytes{deployment="gateway",replica="a"} 1e6',
            'process_resident_memory_bytes{deployment="encoder",replica="b"} 2e6',
            'process_resident_memory_bytes{deployment="encoder",replica="c"} 3e6',
            "",
        ]
    )

    found = read_page(page, 4.0)

    assert (found.at, found.memory) == (4.0, 6e6)
    assert found.replicas == {"gateway": 1, "encoder": 2}
