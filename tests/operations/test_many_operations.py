"""Operations of many tenants: turns, bounds, pages, what is kept, and what each sees."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.acting import begun
from support.counting_kind import counting, over
from tieback.core.errors import (
    InvalidInput,
    NotFound,
    Overloaded,
    PermissionDenied,
)
from tieback.core.tenant import AccessLevel, Principal
from tieback.core.types.operation import OperationRecord
from tieback.operations.service import Bounds


async def test_no_more_run_at_once_than_the_bound_and_tenants_take_turns(folder: Path, opened: Any) -> None:
    async with opened(bounds=Bounds(running=2)) as operations:

        def start(tenant: str, number: int) -> asyncio.Task[OperationRecord]:
            name = f"{tenant}{number}"
            request = counting(folder, name, steps=4, pause=0.02)
            return begun(Principal(tenant), operations.start("count", request))

        for number in range(6):
            await start("acme", number)
        one = await start("globex", 0)
        most = 0
        ended: list[Any] = []
        async with asyncio.timeout(20):
            while len(ended) < 7:
                states = {found.id: found for found in operations._known.values()}
                most = max(most, sum(found.state == "running" for found in states.values()))
                ended += [name for name, found in states.items() if found.state.is_over and name not in ended]
                await asyncio.sleep(0.002)

    assert most == 2
    assert ended.index(one.id) <= 3


async def test_a_tenant_sees_waits_for_and_cancels_its_own_alone(folder: Path, opened: Any) -> None:
    acme, globex = Principal("acme"), Principal("globex")
    async with opened() as operations:
        theirs = await begun(acme, operations.start("count", counting(folder, steps=200, pause=0.02)))

        for work in (
            operations.get(theirs.id),
            operations.wait(theirs.id, 0.0),
            operations.cancel(theirs.id),
            operations.delete(theirs.id),
        ):
            with pytest.raises(NotFound) as there:
                await begun(globex, work)
            with pytest.raises(NotFound) as absent:
                await begun(globex, operations.get("count-000000000000"))
            assert there.value.message.replace(theirs.id, "count-000000000000") == absent.value.message
        assert await begun(globex, operations.page()) == ([], "")
        assert (await begun(acme, operations.get(theirs.id))).state == "running"
        own = await begun(globex, operations.start("count", counting(folder, steps=200, pause=0.02)))

        assert own.id != theirs.id
        assert [one.id for one in (await begun(globex, operations.page()))[0]] == [own.id]


async def test_only_an_admin_cancels_and_deletes(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=200, pause=0.02))

        for access in (AccessLevel.READ, AccessLevel.WRITE):
            for work in (operations.cancel(started.id), operations.delete(started.id)):
                with pytest.raises(PermissionDenied, match="needs the role admin"):
                    await begun(Principal("", access), work)
            assert (await begun(Principal("", access), operations.get(started.id))).id == started.id


async def test_a_list_is_read_page_by_page_the_newest_first(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = [(await operations.start("count", counting(folder, str(n)))).id for n in range(5)]
        pages, token = [], ""
        while True:
            page, token = await operations.page(page_size=2, page_token=token)
            pages.append([one.id for one in page])
            if len(pages) == 1:  # what comes later is on no later page
                await operations.start("count", counting(folder, "new"))
            if not token:
                break
        _, first = await operations.page(page_size=2)

        assert pages == [started[:2:-1], started[2:0:-1], started[:1]]
        with pytest.raises(InvalidInput, match="page token"):
            await begun(Principal("globex"), operations.page(page_token=first))
        for size in (-1, 501):
            with pytest.raises(InvalidInput, match="0 to 500"):
                await operations.page(page_size=size)


async def test_a_tenant_may_not_have_more_than_its_share_waiting(folder: Path, opened: Any) -> None:
    async with opened(bounds=Bounds(running=1, active=3)) as operations:
        for number in range(3):
            await operations.start("count", counting(folder, str(number), steps=200, pause=0.02))

        with pytest.raises(Overloaded, match=r"3 operations .* at most 3 may") as refusal:
            await operations.start("count", counting(folder, "more"))
        other = await begun(Principal("globex"), operations.start("count", counting(folder, "more")))

        assert refusal.value.retry_after > 0
        assert other.state == "waiting"


async def test_the_newest_that_have_ended_are_kept_for_a_time(folder: Path, opened: Any) -> None:
    async with opened(bounds=Bounds(kept=3)) as operations:
        ids = []
        for number in range(5):
            started = await operations.start("count", counting(folder, str(number)))
            ids.append((await over(operations, started.id)).id)
        async with asyncio.timeout(20):
            while len(kept := [one.id for one in (await operations.page())[0]]) > 3:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    async with opened(bounds=Bounds(kept_seconds=0.0)) as operations:
        later = (await operations.page())[0]

    assert kept == ids[:1:-1]
    assert later == []


async def test_what_a_tenant_began_that_is_gone_ends(folder: Path, opened: Any) -> None:
    def act(operation: OperationRecord) -> None:
        raise PermissionDenied(f"no tenant {operation.owner!r}")

    async with opened(act=act) as operations:
        started = await begun(Principal("acme"), operations.start("count", counting(folder)))
        end = await begun(Principal("acme"), over(operations, started.id))

    assert end.state == "failed"
    assert isinstance(end.error, PermissionDenied)


async def test_operations_are_counted_by_kind_and_state(folder: Path, opened: Any) -> None:
    async with opened(bounds=Bounds(running=1)) as operations:
        await operations.start("count", counting(folder, "long", steps=500, pause=0.02))
        second = await operations.start("count", counting(folder, "short"))
        await operations.cancel(second.id)

        assert operations.counts == {
            ("count", "running"): 1,
            ("count", "cancelled"): 1,
            # A kind of which nothing waits or runs has a series all the same.
            ("count", "waiting"): 0,
            ("fit_head", "running"): 0,
            ("fit_head", "waiting"): 0,
            ("reindex", "running"): 0,
            ("reindex", "waiting"): 0,
            ("upgrade", "running"): 0,
            ("upgrade", "waiting"): 0,
            ("plan_upgrade", "running"): 0,
            ("plan_upgrade", "waiting"): 0,
        }
