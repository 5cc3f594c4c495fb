"""The batcher against a simple model of it: every item is answered once, in order, within the budget."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from tieback.admission import Admission
from tieback.batching import Batcher
from tieback.core.errors import TiebackError
from tieback.core.tenant import TENANT


@dataclass(frozen=True)
class Job:
    tokens: int
    name: tuple[int, int]
    fails: bool


REQUESTS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=12),  # (tokens, whether it is poison)
        st.sampled_from(["dense", "tokens"]),
        st.sampled_from(["", "ann", "bob"]),  # the tenant
        st.booleans(),  # whether each item must run alone
        st.booleans(),  # whether the caller gives up
        st.integers(0, 2),  # turns of the event loop before the next request
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(REQUESTS, st.booleans(), st.integers(1, 80), st.integers(1, 6), st.booleans())
def test_every_item_is_answered_once_in_order_and_no_batch_is_over_its_budget(
    requests: list[tuple[list[tuple[int, bool]], str, str, bool, bool, int]],
    pads: bool,
    budget: int,
    max_items: int,
    measures: bool,
) -> None:
    batches: list[tuple[list[Job], Hashable]] = []

    def run(jobs: Sequence[Job], group: Hashable) -> list[tuple[tuple[int, int], Hashable]]:
        batches.append((list(jobs), group))
        if any(job.fails for job in jobs):
            raise RuntimeError("poison")
        return [(job.name, group) for job in jobs]

    async def scenario() -> None:
        admission = Admission()
        batcher = Batcher(
            run, name="model", pads=pads, budget=budget, max_items=max_items, admission=admission
        )
        if measures:
            await batcher.calibrate([Job(tokens, (-1, 0), False) for tokens in (4, 30)], "dense")
            batches.clear()
        tasks = []
        for number, (items, group, tenant, alone, gives_up, pause) in enumerate(requests):
            jobs = [Job(tokens, (number, place), fails) for place, (tokens, fails) in enumerate(items)]
            TENANT.set(tenant)
            task = asyncio.create_task(batcher.submit(jobs, group=group, alone=alone))
            tasks.append((task, jobs, group, gives_up))
            for _ in range(pause):
                await asyncio.sleep(0)
            if gives_up:
                task.cancel()
        cancelled = 0
        for task, jobs, group, gives_up in tasks:
            try:
                results = (await task).results
            except asyncio.CancelledError:
                assert gives_up
                cancelled += len(jobs)
                continue
            for job, result in zip(jobs, results, strict=True):
                if job.fails:
                    assert isinstance(result, TiebackError)
                else:
                    assert result == (job.name, group)
        await batcher.close()

        runs = Counter(job.name for jobs, _ in batches for job in jobs)
        for _, jobs, _, gives_up in tasks:
            for job in jobs:
                again = 2 if any(other.fails for _, other_jobs, _, _ in tasks for other in other_jobs) else 1
                assert (0 if gives_up else 1) <= runs[job.name] <= again
        load = admission.load
        assert (load.queued_tokens, load.queued_items, load.active_items) == (0, 0, 0)
        assert load.dropped_cancelled <= cancelled

    asyncio.run(scenario())

    for jobs, _ in batches:
        costs = [max(job.tokens, 1) for job in jobs]
        assert len(jobs) <= max_items
        assert len(jobs) == 1 or (max(costs) * len(costs) if pads else sum(costs)) <= budget
    groups = {number: group for number, (_, group, *_) in enumerate(requests)}
    assert all(groups[job.name[0]] == group for jobs, group in batches for job in jobs)
    alone = {number for number, (_, _, _, alone, *_) in enumerate(requests) if alone}
    assert all(len(jobs) == 1 for jobs, _ in batches if any(job.name[0] in alone for job in jobs))
