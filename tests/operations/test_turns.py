"""Tenants take turns, whoever came with more."""

from __future__ import annotations

from dataclasses import replace

from tieback.core.types.operation import OperationRecord
from tieback.operations.run import Turns
from tieback_contract.operations import OperationState


def waiting(owner: str, number: int) -> OperationRecord:
    return OperationRecord(f"{owner}{number}", "count", owner, f"{owner}{number}", {}, float(number))


def order(operations: list[OperationRecord], running: int) -> list[str]:
    """In which order they run, where so many run at once and the first that runs ends first."""
    turns, known, active, ran = Turns(), {one.id: one for one in operations}, [], []
    while chosen := turns.next(known.values()):
        ran.append(chosen.id)
        known[chosen.id] = replace(chosen, state=OperationState.RUNNING)
        active.append(chosen.id)
        if len(active) == running:
            ended = active.pop(0)
            known[ended] = replace(known[ended], state=OperationState.SUCCEEDED)
    return ran


def test_of_one_tenant_the_first_to_come_is_the_first_to_run() -> None:
    assert order([waiting("a", 2), waiting("a", 1), waiting("a", 3)], 1) == ["a1", "a2", "a3"]


def test_a_tenant_with_many_does_not_keep_one_with_few_waiting() -> None:
    many = [waiting("a", number) for number in range(5)]

    for running in (1, 2):
        assert order([*many, waiting("b", 100), waiting("b", 101)], running).index("b100") == 1
        assert order([*many, waiting("b", 100), waiting("b", 101)], running).index("b101") <= 3


def test_nothing_waits_where_nothing_is_known() -> None:
    assert Turns().next([]) is None
