"""A soak has all kinds of calls, and tells what grows from what swings."""

from __future__ import annotations

import pytest

from benchmarks.corpus import read
from benchmarks.soak import MEMORY, soaked
from benchmarks.soak.kinds import Ended
from benchmarks.soak.trends import grown, latencies

pytestmark = pytest.mark.all


def test_memory_that_grows_is_told_from_memory_that_swings() -> None:
    swinging = [100 + n % 3 for n in range(100)]
    growing = [100 + n // 5 for n in range(100)]

    assert grown(swinging) == pytest.approx(0.0, abs=1.0)
    assert grown(growing) == pytest.approx(18, abs=2.0)
    assert grown([100] * 5) is None


def test_latency_is_that_of_the_begin_and_of_the_end_after_the_warm_up() -> None:
    ends = [Ended("list", "answered", True, float(at), 5.0 if at < 20 else at / 1000) for at in range(120)]

    [row] = latencies(ends, 120.0, 20 / 120)

    assert row["begin median ms"] == pytest.approx(29.5, abs=1)
    assert row["end median ms"] == pytest.approx(109.5, abs=1)


def test_a_short_soak_has_every_kind_of_call_and_each_ends_as_it_should() -> None:
    spaces = ["wordllama-256", "all-minilm-l6-v2", "efficientnet-lite0", "yamnet", "point-nn"]

    report = soaked(0.2, read(None), generator=False, spaces=spaces)

    kinds = {row["kind"] for row in report.tables["requests"]}
    assert {"encode", "ingest texts", "retrieve", "given up"} <= kinds
    assert len(report.tables[MEMORY]) >= 8
    assert report.tables[MEMORY][0].keys() >= {"requests", "resident MB", "open files", "threads", "warm"}
    assert report.claims[-1].value == 0, report.claims[-1].note
