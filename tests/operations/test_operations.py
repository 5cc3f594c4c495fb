"""The life of operations: started, followed, cancelled, tried again, resumed, with whatever comes between."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from support.counting_kind import NO_SERVICES, counting, numbers, over, running
from tieback.core.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    StartupError,
)
from tieback.core.types.operation import OperationRecord
from tieback.operations import kinds, run
from tieback.operations.journal import Journal
from tieback.operations.service import Bounds, Operations


async def test_a_kind_is_found_by_its_file_alone(folder: Path) -> None:
    assert kinds.names() == ["count", "fit_head", "plan_upgrade", "reindex", "upgrade"]
    with pytest.raises(NotFound, match="the choices are: count, fit_head, plan_upgrade, reindex"):
        kinds.read("cuont", {})


async def test_an_operation_runs_to_its_end_and_keeps_its_result(folder: Path, opened: Any) -> None:
    ended: list[OperationRecord] = []
    async with opened(on_end=ended.append) as operations:
        started = await operations.start("count", counting(folder, steps=5))
        end = await over(operations, started.id)

    assert started.id.startswith("count-")
    assert (started.kind, started.subject) == ("count", str(folder / "numbers"))
    assert (end.state, end.done, end.total, (end.result or {})["sum"]) == ("succeeded", 5, 5, 10)
    assert (end.error, end.remaining, end.cancelling, end.trouble) == (None, None, False, "")
    assert end.created <= (end.begun or 0) <= (end.ended or 0)
    assert numbers(folder) == [0, 1, 2, 3, 4]
    assert ended == [end]
    async with opened() as operations:
        assert await operations.get(started.id) == end


async def test_progress_is_told_with_how_long_it_still_takes(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=40, pause=0.02))
        found = await running(operations, started.id, 10)

    assert (found.state, found.total) == ("running", 40)
    assert 0 < (found.remaining or 0) < 30


@pytest.mark.parametrize(
    ("request_", "field"),
    [({}, "path"), ({"path": "x", "stepps": 3}, "stepps"), ({"path": "x", "steps": "many"}, "steps")],
)
async def test_a_wrong_request_is_refused_with_its_field_and_the_choices(
    opened: Any, request_: dict[str, Any], field: str
) -> None:
    async with opened() as operations:
        with pytest.raises(InvalidInput, match="its fields are: path, steps") as refusal:
            await operations.start("count", request_)
        assert (await operations.page()) == ([], "")

    assert str(refusal.value.field) == field


async def test_what_could_not_run_is_refused_at_once_and_not_kept(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        with pytest.raises(InvalidInput, match="it is refused"):
            await operations.start("count", counting(folder, refused=True))
        with pytest.raises(NotFound, match="kind of operation"):
            await operations.start("cuont", {})

        assert (await operations.page()) == ([], "")


async def test_an_error_ends_an_operation_and_is_kept(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, fails=True))
        end = await over(operations, started.id)
    async with opened() as operations:
        again = await operations.get(started.id)

    for one in (end, again):
        assert (one.state, one.result) == ("failed", None)
        assert isinstance(one.error, InvalidInput)
        assert (one.error.message, str(one.error.field)) == ("it failed", "steps")


async def test_a_fault_of_ours_ends_one_operation_and_says_nothing_of_the_inside(
    folder: Path, opened: Any
) -> None:
    async with opened() as operations:
        broken = await operations.start("count", counting(folder, breaks=True))
        other = await operations.start("count", counting(folder, "other"))
        ends = [await over(operations, one.id) for one in (broken, other)]

    assert [one.state for one in ends] == ["failed", "succeeded"]
    assert "division" not in str(ends[0].error)
    assert "ZeroDivision" not in str(ends[0].error)


async def test_a_service_that_is_away_is_waited_for_and_told_of(
    folder: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FIRST_PAUSE", 0.05)
    async with opened() as operations:
        started = await operations.start("count", counting(folder, away=3))
        troubles = set()
        async with asyncio.timeout(20):
            while not (found := await operations.get(started.id)).state.is_over:
                troubles.add(found.trouble)
                await asyncio.sleep(0.005)

    assert "the service is away" in troubles
    assert (found.state, found.trouble) == ("succeeded", "")


async def test_an_operation_waits_for_room_where_it_is_and_does_not_begin_again(
    folder: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FIRST_PAUSE", 30.0)  # longer than the test waits: it must not be tried again
    async with opened() as operations:
        started = await operations.start("count", counting(folder, crowded=3))
        found = await over(operations, started.id)

    assert found.state == "succeeded"
    assert numbers(folder) == [0, 1, 2]


async def test_a_service_that_stays_away_ends_an_operation(
    folder: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(run, "PATIENCE", 0.1)
    async with opened() as operations:
        started = await operations.start("count", counting(folder, away=1000))
        end = await over(operations, started.id)

    assert end.state == "failed"
    assert end.error is not None
    assert end.error.message == "the service is away"


async def test_an_equal_request_returns_what_is_under_way_and_another_is_refused(
    folder: Path, opened: Any
) -> None:
    async with opened() as operations:
        first = await operations.start("count", counting(folder, steps=50, pause=0.02))
        again = await operations.start("count", counting(folder, steps=50, pause=0.02))
        with pytest.raises(AlreadyExists, match=f"{first.id} .*wait until it has ended, or cancel it"):
            await operations.start("count", counting(folder, steps=60))
        await operations.cancel(first.id)
        await over(operations, first.id)
        later = await operations.start("count", counting(folder, steps=50))

        assert again.id == first.id
        assert later.id != first.id


async def test_a_running_operation_is_cancelled_and_another_may_begin(folder: Path, opened: Any) -> None:
    async with opened(bounds=Bounds(running=1)) as operations:
        first = await operations.start("count", counting(folder, "first", steps=500, pause=0.02))
        second = await operations.start("count", counting(folder, "second"))
        await running(operations, first.id, 2)
        asked = await operations.cancel(first.id)
        end = await over(operations, first.id)
        following = await over(operations, second.id)
        again = await operations.cancel(first.id)

    assert asked.cancelling or asked.state == "cancelled"
    assert (end.state, end.cancelling, end.result, end.error) == ("cancelled", False, None, None)
    assert 2 <= len(numbers(folder, "first")) < 500
    assert following.state == "succeeded"
    assert again == end


async def test_one_that_waits_is_cancelled_at_once(folder: Path, opened: Any) -> None:
    async with opened(bounds=Bounds(running=1)) as operations:
        await operations.start("count", counting(folder, "first", steps=500, pause=0.02))
        second = await operations.start("count", counting(folder, "second"))
        assert second.state == "waiting"

        assert (await operations.cancel(second.id)).state == "cancelled"

    assert not (folder / "second").exists()


async def test_what_is_committed_is_not_cancelled(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=1, pause=0.3))
        async with asyncio.timeout(20):
            while not (await operations.get(started.id)).checkpoint:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.005)
        await operations.cancel(started.id)
        end = await over(operations, started.id)

    assert (end.state, (end.result or {})["sum"]) == ("succeeded", 0)


async def test_an_operation_goes_on_after_a_restart_where_it_was(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=30, pause=0.02))
        await running(operations, started.id, 5)
    interrupted = numbers(folder)
    async with opened(runs=False) as operations:
        between = await operations.get(started.id)
    async with opened() as operations:
        end = await over(operations, started.id)

    assert 5 <= len(interrupted) < 30
    assert not between.state.is_over
    assert end.state == "succeeded"
    assert numbers(folder) == list(range(30))


async def test_a_cancellation_that_was_acknowledged_holds_after_a_kill(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=500, pause=0.02))
        await running(operations, started.id, 2)
    journal = Journal(folder / "operations")  # as it is where a server was killed just then
    journal.append({started.id: {**journal.states[started.id], "cancelling": True}})
    journal.close()
    before = numbers(folder)

    async with opened() as operations:
        end = await over(operations, started.id)

    assert (end.state, end.cancelling) == ("cancelled", False)
    assert numbers(folder) == before


async def test_what_a_cancelled_operation_made_is_gone_when_it_has_ended(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=500, pause=0.02, frees=True))
        await running(operations, started.id, 2)
        await operations.cancel(started.id)
        end = await over(operations, started.id)
        again = await operations.start("count", counting(folder, steps=3, frees=True))
        following = await over(operations, again.id)

    assert (end.state, following.state) == ("cancelled", "succeeded")
    assert numbers(folder) == [0, 1, 2]


async def test_one_that_ran_before_a_restart_and_waits_again_is_cleaned_up_out_of_turn(
    folder: Path, opened: Any
) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=500, pause=0.02, frees=True))
        await running(operations, started.id, 2)
    async with opened(bounds=Bounds(running=0)) as operations:
        assert (await operations.get(started.id)).state == "waiting"
        asked = await operations.cancel(started.id)
        end = await over(operations, started.id)

    assert asked.cancelling
    assert end.state == "cancelled"
    assert not (folder / "numbers").exists()


async def test_a_clean_up_that_a_stop_cut_short_is_done_after_the_next_start(
    folder: Path, opened: Any
) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=500, pause=0.5, frees=True))
        await running(operations, started.id, 1)
        asked = await operations.cancel(started.id)
    between = (folder / "numbers").exists()
    async with opened() as operations:
        end = await over(operations, started.id)

    assert (asked.cancelling, between) == (True, True)
    assert end.state == "cancelled"
    assert not (folder / "numbers").exists()


async def test_a_clean_up_that_fails_does_not_keep_an_operation_from_ending(
    folder: Path, opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=500, pause=0.02, frees=True))
        await running(operations, started.id, 1)
        (folder / "numbers").rename(folder / "elsewhere")
        (folder / "numbers").mkdir()  # which is not unlinked
        await operations.cancel(started.id)
        end = await over(operations, started.id)

    assert end.state == "cancelled"
    assert f"what the cancelled operation {started.id} made is not removed" in caplog.text


async def test_what_was_committed_before_a_kill_ends_as_it_was_told(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=1, pause=0.3))
        async with asyncio.timeout(20):
            while not (told := (await operations.get(started.id)).checkpoint):  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.005)
    async with opened() as operations:
        end = await over(operations, started.id)

    assert (end.state, end.result) == ("succeeded", told)


async def test_one_that_has_not_ended_is_not_deleted_and_one_that_has_is_gone(
    folder: Path, opened: Any
) -> None:
    async with opened() as operations:
        started = await operations.start("count", counting(folder, steps=200, pause=0.02))
        with pytest.raises(InvalidInput, match="cancel it first"):
            await operations.delete(started.id)
        await operations.cancel(started.id)
        await over(operations, started.id)
        await operations.delete(started.id)
        with pytest.raises(NotFound):
            await operations.get(started.id)
    async with opened() as operations:
        assert await operations.page() == ([], "")


async def test_a_wait_ends_with_the_operation_or_with_its_time(folder: Path, opened: Any) -> None:
    async with opened() as operations:
        long = await operations.start("count", counting(folder, "long", steps=500, pause=0.02))
        short = await operations.start("count", counting(folder, "short", steps=10, pause=0.02))
        began = time.monotonic()
        still = await operations.wait(long.id, 0.1)
        waited = time.monotonic() - began
        ended = await operations.wait(short.id, 20.0)
        waiting = asyncio.create_task(operations.wait(long.id, 20.0))
        await asyncio.sleep(0)
        operations.drain()
        drained = await asyncio.wait_for(waiting, 5.0)

    assert 0.09 <= waited < 5
    assert not still.state.is_over
    assert ended.state == "succeeded"
    assert not drained.state.is_over


async def test_two_servers_on_one_journal_are_refused(folder: Path, opened: Any) -> None:
    async with opened():
        with pytest.raises(StartupError, match="stop that server, or give this one another folder"):
            Operations.open(folder / "operations", NO_SERVICES)
