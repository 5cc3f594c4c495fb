"""The speed benchmark asks every side for the same, and holds what it finds against what was aimed at."""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from support import speed_results
from support.local_platform import Running

from benchmarks import speed
from benchmarks.__main__ import main
from benchmarks.corpus import Corpus, read
from benchmarks.load.generator import generating
from benchmarks.load.tieback import ClientTarget, StubTarget
from benchmarks.peers.tuning import TUNINGS
from benchmarks.progress import Progress
from benchmarks.report import Claim, Report
from benchmarks.speed import Run, sides
from benchmarks.speed.cells import ALL, QUICK, TABLE, Cell, chosen, draw
from benchmarks.speed.claims import Found
from benchmarks.speed.limit import BEST, FUSED, ONE_BY_ONE, POLICIES, Limit, Policy
from benchmarks.speed.limit import INT8 as INT8_LOOP
from benchmarks.speed.plan import Plan
from benchmarks.speed.repeats import REPEATED, stream
from benchmarks.speed.tuned import Tried, best
from benchmarks.statistics import spread

pytestmark = pytest.mark.all

ROOT = Path(__file__).parents[2]
TEXTS = Corpus(
    "made up",
    tuple(f"short {number}" for number in range(100)),
    tuple(f"long {number}" for number in range(50)),
    (b"photo",),
)


def test_cells_are_chosen_by_name() -> None:
    assert [cell.key for cell in chosen(TABLE, ["mixed-*"])] == ["mixed-1@32", "mixed-32@8"]
    assert chosen(TABLE, ["*@32", "short-1@1"]) == tuple(
        cell for cell in TABLE if cell.in_flight == 32 or cell.key == "short-1@1"
    )
    assert chosen(TABLE, None) == TABLE


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    speed.add_arguments(parser)
    return parser.parse_args(arguments)


def plan(*arguments: str, photos: bool = True) -> Plan:
    return Plan.of(options(*arguments), photos=photos)


def test_a_quick_run_has_the_cells_of_the_first_aims_and_two_sides() -> None:
    quick = plan("--quick")

    assert [cell.key for cell in quick.table] == ["short-1@1", "short-1@32", "short-32@8", "mixed-1@32"]
    assert set(QUICK) <= set(TABLE)
    assert (*quick.curves, *quick.further) == ()
    assert list(quick.sides) == ["local", "ray"]
    assert quick.expected_of_limit + sum(map(quick.expected, sides.groups(quick.sides))) < 120


def test_a_full_run_has_every_cell_once_and_every_side() -> None:
    full = plan()

    assert {*full.table, *full.curves, *full.further} == set(ALL)
    assert len(set(ALL)) == len(ALL)
    assert set(full.sides) >= {"local", "local_int8", "ray", "ray_direct", "triton", "infinity"}
    assert full.expected_of_limit + sum(map(full.expected, sides.groups(full.sides))) < 90 * 60


def test_cells_that_are_named_get_the_rounds_and_photos_go_where_there_are_none() -> None:
    named = plan("--cells", "photos-*", "short-1@8", "--rounds", "7")

    assert {cell.mix for cell in named.table} == {"short", "photos"}
    assert named.rounds == 7
    assert all(cell.mix != "photos" for cell in plan(photos=False).further)
    with pytest.raises(SystemExit, match="nonsense"):
        plan("--cells", "nonsense")


def test_peers_are_asked_for_the_curves_and_int8_for_the_table_alone() -> None:
    full = plan()
    groups = {group.name: group for group in sides.groups(full.sides)}

    assert full.rounds_of(groups["triton"]).once == full.curves
    assert full.rounds_of(groups["local, int8"]).once == ()
    assert full.levels_of(groups["local, int8"]) == ()
    assert set(full.levels_of(groups["triton"])) <= set(full.levels_of(groups["local"]))


@pytest.mark.parametrize("cell", ALL, ids=lambda cell: cell.key)
def test_work_keeps_all_callers_busy_and_changes_with_the_turn(cell: Cell) -> None:
    work = cell.work(TEXTS, 10, 0)

    assert all(len(request) == cell.items for request in work)
    assert len(work) >= cell.in_flight
    if cell.mix == "short" and len(work) < 50:
        assert cell.work(TEXTS, 10, 1) != work


def test_one_of_five_mixed_texts_is_long() -> None:
    drawn = draw(TEXTS, "mixed", 50, 3)

    assert sum(text.startswith("long") for text in drawn) == 10
    assert drawn == draw(TEXTS, "mixed", 50, 3)


def test_policies_group_by_number_by_tokens_or_by_arrival() -> None:
    sizes = [9, 1, 2, 8, 3]

    assert ONE_BY_ONE.batches(sizes) == [[0], [1], [2], [3], [4]]
    assert Policy("pairs", 2).batches(sizes) == [[1, 2], [4, 3], [0]]
    assert Policy("tokens", 64, tokens=10).batches(sizes) == [[1, 2, 4], [3], [0]]
    assert Policy("arrival", 4, sorted=False).batches(sizes) == [[0, 1, 2, 3], [4]]


def test_the_limit_finds_its_best_policy_and_computes_what_the_model_says() -> None:
    corpus, limit = read(None), Limit()

    limit.find("short", corpus.short[:16], rounds=1)

    assert set(limit.rates["short"]) == {policy.name for policy in POLICIES}
    assert limit.rates["short"][limit.best["short"].name] == max(limit.rates["short"].values())
    assert limit.turn("short", corpus.short[:8]).rate > 0
    np.testing.assert_allclose(np.linalg.norm(limit.vectors(corpus.short[:2]), axis=1), 1.0, atol=1e-5)


def test_nearly_a_third_of_a_repeated_stream_was_there_before_and_the_rest_is_new() -> None:
    cell = Cell("short", 1, 32)
    first, second = stream(TEXTS, cell, 2000, 0), stream(TEXTS, cell, 2000, 1)

    assert 1 - len(set(first)) / 2000 == pytest.approx(REPEATED, abs=0.03)
    assert not set(first) & set(second)


def test_both_targets_of_tieback_give_what_the_bare_graph_gives(local_platform: Running) -> None:
    corpus = read(None)
    texts = tuple(draw(corpus, "mixed", 6, 0))
    expected = Limit().vectors(texts)

    for target in (StubTarget([local_platform.address]), ClientTarget(local_platform.address)):
        with generating(target) as generator:
            [found] = generator.vectors([texts])
        np.testing.assert_allclose((found * expected).sum(axis=1), 1.0, atol=0.02)  # int8 too


@pytest.fixture(scope="module")
def report() -> Report:
    """Of a run in which all was good; the intervals of its claims are what takes time."""
    return speed_results.report(speed_results.found())


@pytest.fixture
def claims(report: Report) -> Sequence[Claim]:
    return tuple(report.claims)


def test_every_aim_is_a_claim_and_all_are_met_where_all_was_good(claims: Sequence[Claim]) -> None:
    assert len({claim.name for claim in claims}) == len(claims)
    assert [claim.name for claim in claims if claim.met is not True] == []
    wanted = (
        *("share of the limit, short", "share of the limit, mixed", "share of the limit, long"),
        *("adds to the p50", "padding", "best peer", "times float32", "Spearman"),
        *("nDCG", "repeated texts", "goodput at 3", "time to be refused", "came back as told"),
        "alone and in any batch",
    )
    for words in wanted:
        assert any(words in claim.name for claim in claims), words


def test_a_share_is_of_the_limit_in_the_same_round(claims: Sequence[Claim]) -> None:
    name = "tieback, local: share of the limit, short texts, requests of 1, 32 in flight"

    (share,) = (claim for claim in claims if claim.name == name)

    # Rounds ran at full, half and nine tenths of the machine's speed, and the share is the same in each.
    assert share.value == share.low == share.high == 0.95


def test_claims_without_numbers_say_why() -> None:
    nothing = Found("nothing", peers=["triton"], missing={"local": "it fell over", "triton": "did not start"})

    claims = speed_results.report(nothing).claims

    assert all(claim.met is None and claim.note for claim in claims)
    assert any("it fell over" in claim.note for claim in claims)
    assert any("Triton: did not start" in claim.note for claim in claims)


def test_a_peer_that_is_missing_is_named_beside_the_lead_over_the_others(claims: Sequence[Claim]) -> None:
    lead = next(claim for claim in claims if "times the best peer, mixed texts, requests of 1" in claim.name)

    assert lead.value == pytest.approx(1.9)
    assert lead.low == pytest.approx(1.9)
    assert lead.interval == "95 %, bootstrap of rounds"
    assert lead.note == "MLServer (sorted); without Triton"


def test_the_figures_of_the_page_are_drawn(report: Report, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result, soaked, loaded = (tmp_path / f"{name}.json" for name in ("speed", "soak", "load"))
    result.write_text(report.json())
    rows = [{"requests": 100 * n, "resident MB": 300.0 + min(n, 5), "warm": n > 4} for n in range(20)]
    soak = {"claims": [], "tables": {"memory over requests": rows}}
    soaked.write_text(json.dumps(json.loads(report.json()) | soak))
    levels: list[dict[str, object]] = [
        {"side": "ray", "× knee": times, "goodput /s": 20.0, "p50 ms": 90.0, "p95 ms": None}
        for times in (None, 0.5, 1.0, 3.0)
    ]
    loaded.write_text(json.dumps(json.loads(report.json()) | {"claims": [], "tables": {"levels": levels}}))
    page = (Path(__file__).parents[2] / "docs/numbers.md").read_text(encoding="utf-8")

    code = main(["plots", str(result), str(soaked), str(loaded), "--out", str(tmp_path / "speed")])

    assert code == 0
    figures = re.findall(r"!\[[^]]+\]\(speed/([^)]+)\)", page)
    assert sorted(figures) == sorted(path.name for path in (tmp_path / "speed").iterdir())
    for figure in figures:
        assert (tmp_path / "speed" / figure).read_text().rstrip().endswith("</svg>")


def test_the_middle_of_rounds_has_a_spread() -> None:
    found = spread([1.0, 2.0, 3.0, 4.0, 5.0])

    assert found.value == 3.0
    assert 1.0 <= found.low < 3.0 < found.high <= 5.0
    assert spread([2.0]).low == spread([2.0]).high == 2.0


def test_a_run_leaves_out_what_was_not_asked_for() -> None:
    groups = sides.groups(["local", "ray_direct", "triton"])

    assert [(group.name, list(group.sides)) for group in groups] == [
        ("local", ["local"]),
        ("Ray Serve", ["ray_direct"]),
        ("triton", ["triton"]),
    ]


def test_progress_expects_less_as_steps_end(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress({"first": 30.0, "second": 60.0})

    progress.begin("first")
    before = progress.left()
    progress.begin("second")

    assert before == pytest.approx(90, abs=1)
    assert progress.left() < before
    assert "about 1:30 left] first: begins" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_no_process(how: signal.Signals) -> None:
    command = [sys.executable, "-m", "benchmarks", "speed", "--quick", "--sides", "local", "--seconds", "0.1"]
    process = subprocess.Popen(
        [*command, "--cells", "short-1@32"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # Whoever runs tests in the background has them ignore SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "round 1" in line:
            break
    started = psutil.Process(process.pid).children(recursive=True)

    process.send_signal(how)
    process.communicate(timeout=60)
    _, alive = psutil.wait_procs(started, timeout=20)

    assert process.returncode != 0
    assert len(started) >= 2  # the server and the load
    assert not alive


def test_each_cell_has_the_tuning_that_was_its_best_and_others_that_of_their_mix() -> None:
    slow, quick = TUNINGS[0], TUNINGS[3]
    tried = [
        Tried(slow, Cell("mixed", 1, 32), 10.0, 0.1, 100.0),
        Tried(quick, Cell("mixed", 1, 32), 60.0, 0.6, 20.0),
        Tried(slow, Cell("short", 1, 1), 10.0, 0.9, 5.0),
        Tried(quick, Cell("short", 1, 1), 99.0, 0.95, 6.0),
    ]
    cells = (Cell("mixed", 1, 32), Cell("short", 1, 1), Cell("mixed", 1, 8), Cell("long", 1, 8))

    assert best(tried, cells) == dict(zip(cells, (quick, slow, quick, slow), strict=True))


def test_beside_the_limit_stand_a_fused_loop_and_one_in_int8() -> None:
    limit = Limit()
    texts = draw(TEXTS, "short", 8, 0)
    limit.find("short", texts, rounds=1)

    limit.find_others("short", texts, rounds=1)

    assert set(limit.others["short"]) == {BEST, FUSED, INT8_LOOP}
    assert min(limit.others["short"].values()) > 0


def test_a_run_that_is_cut_leaves_what_it_has(tmp_path: Path) -> None:
    given = options("--sides", "local", "triton", "--minutes", "0", "--json", str(tmp_path / "found.json"))
    one = Run(Plan.of(given, photos=False), TEXTS)
    one.found.samples.append(speed_results.sample("local", Cell("short", 1, 1), 0.9))
    one.limit = speed_results.Limits()  # type: ignore[assignment]  # what it has found

    for group in one.groups:
        one.measure(group)
    one.report(given)

    found = json.loads((tmp_path / "found.json").read_text())
    assert found["tables"]["cells"][0]["share"] == 0.9
    assert {row["side"] for row in found["tables"]["sides that are missing"]} == {"local", "triton"}
    assert not list(tmp_path.glob("*.partial"))
