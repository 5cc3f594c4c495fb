"""Whole servers are killed at random points of an operation, which ends as if nothing had disturbed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.plans import plan
from support.present import present
from tieback_client import OperationState, OperationStatus, Recall, ReindexResult, SpaceRef

from benchmarks.killed_operations import Outcome, killed

pytestmark = pytest.mark.all

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


def test_an_upgrade_may_take_longer_and_round_otherwise_but_not_be_worth_less() -> None:
    status = replace(outcome().status, result=plan())
    same: list[dict[str, Any]] = [
        {"training_seconds": 9.0},
        {"artifact": "ba9876543210"},
        {"new_old": Recall(0.46, 0.4, 0.6)},
    ]
    others: list[dict[str, Any]] = [{"new_old": Recall(0.44, 0.4, 0.6)}, {"trained": 79}, {"policy": "other"}]

    found = [
        len(outcome(status=status).differences(outcome(status=replace(status, result=plan(**changes)))))
        for changes in (*same, *others)
    ]

    assert found == [0, 0, 0, 1, 1, 1]
