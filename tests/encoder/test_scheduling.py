"""What the batcher promises beyond batches: fairness, urgency, batches of one, and measured costs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tieback.admission import Admission
from tieback.batching import Batcher
from tieback.core.deadline import Deadline
from tieback.core.errors import Overloaded, TiebackError
from tieback.core.tenant import TENANT


@dataclass(frozen=True)
class Word:
    tokens: int
    text: str = ""


class Machine:
    """Computes tokens at a given rate, padding included; can be held before its first batch."""

    def __init__(self, seconds_a_token: float = 0.0) -> None:
        self.seconds_a_token = seconds_a_token
        self.batches: list[list[str]] = []
        self.running, self.free = threading.Event(), threading.Event()
        self.free.set()

    def __call__(self, items: Sequence[Word], group: Hashable) -> list[str]:
        self.batches.append([item.text for item in items])
        self.running.set()
        self.free.wait()
        time.sleep(self.seconds_a_token * len(items) * max(item.tokens for item in items))
        return [item.text for item in items]


def submit_for(
    tenant: str, batcher: Batcher[Word, str], *words: Word, **options: Any
) -> asyncio.Task[list[str | TiebackError]]:
    async def answer() -> list[str | TiebackError]:
        TENANT.set(tenant)
        return (await batcher.submit(words, **options)).results

    return asyncio.create_task(answer())


async def hold(batcher: Batcher[Word, str], machine: Machine) -> asyncio.Task[list[str | TiebackError]]:
    machine.running.clear()
    machine.free.clear()
    task = submit_for("", batcher, Word(1, "first"))
    await asyncio.to_thread(machine.running.wait)
    return task


async def test_a_tenants_flood_does_not_keep_another_tenant_waiting() -> None:
    machine = Machine()
    batcher = Batcher(machine, name="shared", pads=True, budget=100)
    first = await hold(batcher, machine)
    flood = [submit_for("crawler", batcher, *(Word(50, "crawler") for _ in range(4))) for _ in range(25)]
    await asyncio.sleep(0.01)
    person = submit_for("person", batcher, Word(50, "person"))
    await asyncio.sleep(0.01)
    machine.free.set()
    await asyncio.gather(first, person, *flood)

    place = next(place for place, batch in enumerate(machine.batches) if "person" in batch)
    assert place <= 2
    assert sum(len(batch) for batch in machine.batches) == 102
    await batcher.close()


async def test_a_tenant_that_fills_the_queue_is_refused_and_another_is_let_in() -> None:
    machine = Machine()
    batcher = Batcher(machine, name="full", pads=True, budget=100, admission=Admission(100))
    first = await hold(batcher, machine)
    flood = submit_for("crawler", batcher, *(Word(10, "crawler") for _ in range(10)))
    await asyncio.sleep(0.01)
    refused = submit_for("crawler", batcher, Word(10, "crawler"))
    person = submit_for("person", batcher, Word(10, "person"))
    await asyncio.sleep(0.01)
    machine.free.set()

    with pytest.raises(Overloaded):
        await refused
    assert await person == ["person"]
    await asyncio.gather(first, flood)
    await batcher.close()


async def test_items_that_must_be_alone_run_in_batches_of_one() -> None:
    machine = Machine()
    batcher = Batcher(machine, name="exact", pads=True, budget=1000)
    first = await hold(batcher, machine)
    others = submit_for("", batcher, *(Word(5, "any") for _ in range(6)))
    exact = submit_for("", batcher, *(Word(5, f"exact {place}") for place in range(3)), alone=True)
    await asyncio.sleep(0.01)
    machine.free.set()
    await asyncio.gather(first, others)

    assert await exact == ["exact 0", "exact 1", "exact 2"]
    assert all(len(batch) == 1 for batch in machine.batches if any("exact" in text for text in batch))
    assert any(len(batch) > 1 for batch in machine.batches)
    await batcher.close()


async def test_one_that_would_be_late_if_it_waited_its_turn_goes_first() -> None:
    machine = Machine(seconds_a_token=0.001)
    batcher = Batcher(machine, name="urgent", pads=True, budget=1000)
    await batcher.calibrate([Word(10), Word(100), Word(400)])
    machine.batches.clear()
    first = await hold(batcher, machine)
    slow = submit_for("", batcher, Word(400, "slow"))
    await asyncio.sleep(0.01)
    urgent = submit_for("", batcher, Word(40, "urgent"), deadline=Deadline.after(0.35))
    await asyncio.sleep(0.01)
    machine.free.set()

    assert await urgent == ["urgent"]
    await asyncio.gather(first, slow)
    assert machine.batches == [["first"], ["urgent"], ["slow"]]
    await batcher.close()


async def test_measured_costs_decide_what_shares_a_batch() -> None:
    machine = Machine(seconds_a_token=0.0002)  # batches gain nothing, and padding costs
    batcher = Batcher(machine, name="measured", pads=True, budget=1000)
    await batcher.calibrate([Word(10), Word(100)])
    machine.batches.clear()
    first = await hold(batcher, machine)
    task = submit_for("", batcher, *(Word(length, str(length)) for length in (100, 10, 100, 10)))
    await asyncio.sleep(0.01)
    machine.free.set()
    await asyncio.gather(first, task)

    assert all(len(set(batch)) == 1 for batch in machine.batches), machine.batches
    await batcher.close()


async def test_measuring_leaves_nothing_waiting_and_knows_a_rate() -> None:
    batcher = Batcher(Machine(seconds_a_token=0.0001), name="warm", pads=True, budget=100)

    await batcher.calibrate([Word(10), Word(50)])

    assert batcher.surface.is_measured
    assert 5_000 < batcher.admission.tokens_per_second < 11_000
    assert batcher.admission.load.queued_tokens == 0
    await batcher.close()


async def test_a_model_that_fails_while_it_is_measured_says_so() -> None:
    def run(items: Sequence[Word], group: Hashable) -> list[str]:
        raise RuntimeError("no such kernel")

    batcher: Batcher[Word, str] = Batcher(run, name="broken", pads=True, budget=100)

    with pytest.raises(RuntimeError, match="kernel"):
        await batcher.calibrate([Word(10)])
    await batcher.close()


async def test_reports_say_what_a_batch_was_expected_to_take() -> None:
    expected: list[float] = []
    batcher = Batcher(
        Machine(seconds_a_token=0.001),
        name="told",
        pads=True,
        budget=100,
        on_batch=lambda report: expected.append(report.expected),
    )
    await batcher.calibrate([Word(10), Word(20)])
    await batcher.submit([Word(15)])
    await batcher.close()

    assert expected == [pytest.approx(0.015, rel=0.3)]
