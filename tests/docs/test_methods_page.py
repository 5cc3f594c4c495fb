"""What docs/methods.md says of each paper is what the code holds of it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import claims
from benchmarks.__main__ import found

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "methods.md").read_text(encoding="utf-8")
REQUESTED = {"imputation": "`routing.imputation` of Fuse", "routing": "`routing.policy` of Fuse"}


@pytest.fixture
def papers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("papers")


def test_there_is_a_row_for_each_of_the_68_papers(papers: ModuleType) -> None:
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \| ", PAGE, re.M)]

    assert numbers == list(range(1, 69))
    assert [paper.number for paper in papers.papers()] == numbers
    ids = [key for paper in papers.papers() for key in paper.arxiv]
    assert len(ids) == len(set(ids)), "an id is of one paper"


def test_every_topic_of_claims_is_of_a_paper_and_other_claims_are_benchmarks(papers: ModuleType) -> None:
    claimed = {source.path for row in papers.rows(REQUESTED) for source in row.claims}

    assert {path.stem for path in claimed if path.parent == papers.CLAIMS} == set(claims.topics())
    assert {path.stem for path in claimed if path.parent == papers.BENCHMARKS} <= found().keys()
    assert all(path.parent in (papers.CLAIMS, papers.BENCHMARKS) for path in claimed)


def test_a_number_in_a_docstring_is_that_of_the_paper_it_names(papers: ModuleType) -> None:
    named = 0
    for row in papers.rows(REQUESTED):
        for source in (*row.built, *row.claims):
            for number in re.findall(r"\bmethod (\d+)\b", source.text):
                assert int(number) == row.paper.number, source.path
                named += 1
    assert named


@pytest.mark.parametrize(
    ("file", "text", "state"),
    [
        ("methods/routing/new.py", "Routes (Nobody, arXiv:2405.16148).", "served"),
        ("methods/pooling/new.py", "Pools (Nobody, arXiv:2405.16148).", "recipe"),
        ("recipes/new.py", "Makes (Nobody, arXiv:2405.16148).", "recipe"),
        ("encoder/new.py", "Encodes (Nobody, arXiv:2405.16148).", "served"),
        ("methods/routing/new.py", "Routes.\n\nA baseline for one (Nobody, arXiv:2405.16148).", "baseline"),
        ("methods/composition/new.py", "Nothing uses it (Nobody, arXiv:2405.16148).", "studied only"),
        ("methods/routing/new.py", "Routes (Nobody, arXiv:0000.00000).", "not built yet"),
    ],
)
def test_where_a_file_lies_and_what_it_says_decide_the_state(
    papers: ModuleType, monkeypatch: pytest.MonkeyPatch, file: str, text: str, state: str
) -> None:
    source = papers.Source(papers.SERVICES / file, text)
    monkeypatch.setattr(papers, "_sources", lambda: (source,))

    row = papers.rows(REQUESTED)[35]

    assert (row.paper.number, row.state) == (36, state)
    assert row.built == ([source] if state in ("served", "recipe", "baseline") else [])


def test_baselines_that_carry_a_papers_name_say_so(papers: ModuleType) -> None:
    rows = {row.paper.number: row for row in papers.rows(REQUESTED)}

    for number, method in ((7, "ridge"), (14, "nearest_neighbours"), (57, "skip")):
        assert rows[number].state == "baseline"
        assert [source.method for source in rows[number].built] == [("imputation", method)]
