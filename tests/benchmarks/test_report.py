"""Benchmarks list themselves and write one format, with honest intervals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import command, found, main
from benchmarks.report import Report, Tried
from benchmarks.statistics import median, median_difference

pytestmark = pytest.mark.all

ROOT = Path(__file__).parents[2]


def test_the_script_lists_every_benchmark_of_the_folder() -> None:
    # A process that has loaded all can still load the messages of our doors: it has those of no client.
    program = (
        "from benchmarks.__main__ import found, main, module; main([]); [module(name) for name in found()];"
        "from tieback.dialects import kserve_pb2, tei_pb2"
    )
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)

    assert shown.returncode == 0, shown.stderr
    assert {"overhead", "footprint"} <= set(found())
    for name in found():
        assert name in shown.stdout


def test_an_unknown_benchmark_is_refused_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])

    assert ended.value.code != 0
    assert "overhead" in capsys.readouterr().err


def test_a_claim_is_held_against_its_target() -> None:
    report = Report()
    report.claim("fast", 1.2345678, "ms", "<= 1.5", low=1.1, high=1.4)
    report.claim("slow", 2.0, "ms", "<= 1.5")
    report.claim("many", 5.0, "", ">= 5")
    report.claim("quiet", 5.0, "%", "< 5")
    report.claim("absent", None, "ms", "<= 4", note="it did not start")
    report.table("numbers", [{"side": "a", "p50": 1.23456}])

    written = json.loads(report.json())

    assert set(written) == {"machine", "command", "claims", "tables"}
    assert [claim["met"] for claim in written["claims"]] == [True, False, True, False, None]
    assert set(written["claims"][0]) == {
        "name",
        "value",
        "unit",
        "target",
        "met",
        "low",
        "high",
        "note",
        "interval",
        "of",
    }
    assert written["claims"][0]["value"] == 1.235
    assert written["tables"] == {"numbers": [{"side": "a", "p50": 1.235}]}
    assert {"processor", "usable_cores", "load_before", "load_after", "versions"} <= set(written["machine"])
    assert "not measured  absent" in report.text()


def test_a_claim_of_a_paper_is_decided_by_the_worse_end_of_its_interval() -> None:
    report, of = Report(), Tried(49, "paper", product=True, data="real")
    for target, low, high in (("> 0", 0.1, 0.9), ("> 0", -0.1, 0.9), ("<= 1", 0.1, 0.9), ("<= 1", 0.1, 1.2)):
        report.claim("gains", 0.5, "", target, low=low, high=high, of=of)
    report.claim("gains, once", 0.5, "", "> 0", of=of)

    assert [claim.met for claim in report.claims] == [True, False, True, False, None]
    assert json.loads(report.json())["claims"][0]["of"] == {
        "paper": 49, "comparison": "paper", "product": True, "data": "real"
    }  # fmt: skip


def test_a_row_of_a_table_may_lack_a_column() -> None:
    report = Report()
    report.table("rows", [{"side": "a"}, {"side": "b", "p50": 1.5}])

    shown = report.text().splitlines()

    assert [line.split() for line in shown[-3:]] == [["side", "p50"], ["a"], ["b", "1.5"]]


def test_a_difference_of_medians_is_found_with_an_interval_around_it() -> None:
    random = np.random.default_rng(1)
    disturbed = random.uniform(0, 5, size=(30, 1))  # what slows a whole round slows both sides
    reference = 10 + disturbed + random.normal(0, 0.05, size=(30, 50))
    slower = reference + 1.0 + random.normal(0, 0.05, size=(30, 50))

    added = median_difference(slower.tolist(), reference.tolist())
    alone = median(reference.tolist())

    assert added.low <= added.value <= added.high
    assert added.value == pytest.approx(1.0, abs=0.3)
    assert added.high - added.low < alone.high - alone.low


def test_the_command_of_a_report_tells_no_folder_of_the_machine() -> None:
    told = command(
        ["pipeline", "--data", "/home/me/data", "--json=../out/a.json", "--only", "mixed", "~/b/c"]
    )

    assert told == "scripts/bench pipeline --data data --json=a.json --only mixed c"
