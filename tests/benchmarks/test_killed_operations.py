"""Whole servers are killed at random points of an operation, which ends as if nothing had disturbed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.present import present
from tieback_client import OperationState, OperationStatus, ReindexResult, SpaceRef

from benchmarks.killed_operations import Outcome, killed

SPACE = SpaceRef("tiny", "r1", "f1")


def test_operations_of_servers_that_are_killed_end_as_if_undisturbed(tmp_path: Path) -> None:
    report = killed(tmp_path, kills=3, seed=1, items=(60, 2))

    assert [(claim.name, claim.value, claim.note) for claim in report.claims if not claim.met] == []
    assert report.claims[0].value == 3


def outcome(**changes: object) -> Outcome:
    result = ReindexResult(SPACE, 2, 2, finished=True, split_sections=1)
    made = Outcome.__new__(Outcome)
    made.status = OperationStatus("a", "reindex", "texts", OperationState.SUCCEEDED, result=result)
    made.items, made.space, made.scores = {}, SPACE, [{"one": 0.5, "two": 0.25}]
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_an_end_that_is_another_is_found_out() -> None:
    status = outcome().status
    others = [
        outcome(status=replace(status, state=OperationState.FAILED)),
        outcome(status=replace(status, result=replace(present(status.result), split_sections=2))),
        outcome(space=SpaceRef("tiny", "r2", "f1")),
        outcome(items={"a": None}),
        outcome(scores=[{"one": 0.5}]),
        outcome(scores=[{"one": 0.5, "two": 0.26}]),
    ]

    assert outcome().differences(outcome()) == []
    assert [len(outcome().differences(one)) for one in others] == [1] * 6
