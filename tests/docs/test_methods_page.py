"""States of docs/methods.md are declared in papers.yaml and proved by tests and results."""

from __future__ import annotations

import importlib
import json
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from support.proofs import called
from tieback.core.extensions import VARIABLE
from tieback.methods import families
from tieback.recipes import trained

from benchmarks.report import reached, worse_end

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "methods.md").read_text(encoding="utf-8")
PRODUCT = {
    "tieback.serving.processes.local.LocalServer": "a request",
    "tieback.serving.processes.server.GrpcServer": "a request",
    "click.testing.CliRunner": "a command",
    "tieback.recipes.train.train": "a recipe",
    "tieback.recipes.binding.bind": "a recipe",
    "tieback.recipes.pull.pull": "a recipe",
}
"""Names that a test has to use to make a request, call a command or run a recipe."""


@pytest.fixture
def papers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("papers")


def test_there_is_a_row_for_each_of_the_68_papers_with_its_declared_state(papers: ModuleType) -> None:
    listed = papers.papers()
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([a-z ]+) \|", PAGE, re.M)

    assert [paper.number for paper in listed] == list(range(1, 69))
    assert rows == [(str(paper.number), paper.state) for paper in listed]
    counts = Counter(paper.state for paper in listed)
    assert set(counts) <= set(papers.STATES)
    assert ", ".join(f"{counts[state]} {state}" for state in papers.STATES if counts[state]) in PAGE
    ids = [key for paper in listed for key in paper.arxiv]
    assert len(ids) == len(set(ids)), "an id is of one paper"


def test_every_state_has_what_it_needs(papers: ModuleType) -> None:
    for paper in papers.papers():
        is_there = paper.state != papers.ABSENT
        assert bool(paper.proofs) == bool(paper.by) == is_there, paper.number
        assert bool(paper.lacks) == (is_there and paper.state != papers.DONE), paper.number


def test_every_proof_is_a_test_and_those_of_a_row_that_is_done_go_through_the_product(
    papers: ModuleType,
) -> None:
    for paper in papers.papers():
        for proof in paper.proofs:
            ways = called(proof) & PRODUCT.keys()
            assert ways or paper.state != papers.DONE, f"{paper.number}: {proof} asks the product for nothing"


def test_a_test_of_a_method_alone_proves_nothing_and_one_that_is_not_there_is_refused() -> None:
    alone = "tests/lab/test_composition.py::test_a_unit_of_zeros_stays_zeros"

    assert not called(alone) & PRODUCT.keys()
    with pytest.raises(LookupError, match="there is no test"):
        called("tests/lab/test_composition.py::test_no_such_thing")


def test_what_a_paper_is_reached_by_is_there(papers: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "lab")
    known = families()
    for paper in papers.papers():
        for by in paper.by:
            family, _, name = by.partition(" ")
            if name.isidentifier():
                assert name in known[family].names(), by
            for recipe in re.findall(r"`tieback train (\w+)", by):
                assert recipe in trained.recipes.names(), by


def test_claims_of_papers_are_met_by_the_worse_end_of_their_interval(papers: ModuleType) -> None:
    numbers = {paper.number for paper in papers.papers()}

    for one in papers.tried():
        claim = one.claim
        named = re.match(r"(\d+) .*(arXiv|65 )", claim["name"])
        assert one.paper in numbers, claim["name"]
        assert named is None or int(named[1]) == one.paper, claim["name"]
        decided = reached(worse_end(claim["target"], claim["low"], claim["high"]), claim["target"])
        assert claim["met"] is decided, claim["name"]


def test_a_comparison_without_an_interval_decides_nothing_and_failures_of_every_command_count(
    papers: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def claim(met: bool | None, low: float | None) -> dict[str, object]:
        of = {"paper": 68, "comparison": "paper", "product": True, "data": "real"}
        return {
            "name": "x",
            "value": 1.0,
            "unit": "",
            "target": "> 0",
            "low": low,
            "high": low,
            "met": met,
            "of": of,
        }

    other = claim(True, 1.0) | {"of": None}
    for name, claims in (("a", [claim(True, 1.0), other]), ("b", [claim(False, -1.0), claim(None, None)])):
        (tmp_path / f"{name}.json").write_text(json.dumps({"claims": claims}))
    monkeypatch.setattr(papers, "RESULTS", tmp_path)

    row = papers.table({})[-1]

    assert row.endswith("| 1 met, 1 missed, 1 without an interval | 1 met, 1 missed, 1 without an interval |")
