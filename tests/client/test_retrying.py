"""A server that goes away and comes back is not noticed by idempotent calls, and others are told."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tieback_client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    Item,
    Overloaded,
    Retry,
    TiebackError,
    Unavailable,
    VerdictLabel,
)
from tieback_client.errors import Details
from tieback_client.transport import attempts
from tieback_client.transport.attempts import Attempts, CallSession
from tieback_client.transport.options import Options
from tieback_client.transport.rpc import RPCS, rpc_of

DOWN = 1.5


def test_idempotent_calls_survive_a_server_that_is_killed_under_load_and_restarted(
    program: Any, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []
    failures: list[TiebackError] = []
    over = threading.Event()
    with Client(program.address) as client:

        def ask() -> None:
            while not over.is_set():
                try:
                    client.encode("a", space="tiny")
                    done.append(1)
                except TiebackError as error:
                    failures.append(error)

        client.spaces()
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for one in threads:
            one.start()
        time.sleep(0.3)
        before = _killed_and_restarted(program, lambda: len(done))
        _wait_until(lambda: len(done) > before + 20)
        over.set()
        for one in threads:
            one.join()

        assert failures == []
        assert client.retries > 0
        # Said once for all calls that wait.
        broke, back = _said(caplog)
        assert broke.endswith(f"{program.address} broke; waiting for its return")
        assert back == f"the server at {program.address} answers again"
        assert {one.levelno for one in caplog.records if one.name == "tieback_client"} == {logging.WARNING}


def test_a_call_that_begins_while_the_server_is_gone_says_that_it_waits(
    program: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(program.address) as client:
        client.spaces()
        program.kill()
        threading.Timer(DOWN, program.start).start()
        asked = threading.Thread(target=client.spaces)
        asked.start()
        time.sleep(DOWN / 2)
        meanwhile = _said(caplog)
        asked.join()

    assert meanwhile == [f"the connection to the server at {program.address} broke; waiting for its return"]


@pytest.mark.parametrize("reason", ["", "UNAVAILABLE"])
def test_every_outage_is_told_whoever_tells_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    clock = [100.0]
    monkeypatch.setattr(attempts, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    session = CallSession("here", Options())
    stream = Attempts(session, RPCS["IngestItems"], timeout=None)
    stream.progressed()
    told = []

    for seconds in (0.0, 1.0, 31.0):  # it lasts
        clock[0] = 100.0 + seconds
        stream.failed(Unavailable("it is shutting down", Details(reason=reason)))
        told.append(len(_said(caplog)))
    for seconds in (33.0, 40.0, 41.0):  # it ended, and there are others
        clock[0] = 100.0 + seconds
        stream.progressed()
        stream.failed(Unavailable("it is shutting down", Details(reason=reason)))
        told.append(len(_said(caplog)))

    assert told == [1, 1, 2, 4, 6, 7]
    assert ("has been away for 31 s; each call waits up to 60 s for it" in caplog.text) is not bool(reason)
    assert ("cannot work now: it is shutting down" in caplog.text) is bool(reason)


@pytest.mark.timeout(60)
def test_writes_to_a_server_that_does_not_return_end(program: Any) -> None:
    def items() -> Iterator[Item]:
        yield Item("before", "words")
        program.kill()
        for number in range(100):
            yield Item(f"after {number}", "words")

    with Client(program.address, retry=Retry(seconds=2)) as client:
        client.spaces()

        with pytest.raises(Unavailable, match=r"went away after \d+ attempts"):
            client.ingest("docs", items()).collect()


async def test_asynchronous_calls_survive_it_too(program: Any) -> None:
    done: list[int] = []
    over = asyncio.Event()
    async with AsyncClient(program.address) as client:
        await client.spaces()

        async def ask() -> None:
            while not over.is_set():
                await client.encode("a", space="tiny")
                done.append(1)

        askers = [asyncio.create_task(ask()) for _ in range(8)]
        await asyncio.sleep(0.3)
        before = await asyncio.to_thread(_killed_and_restarted, program, lambda: len(done))
        await asyncio.to_thread(_wait_until, lambda: len(done) > before + 20)
        over.set()
        await asyncio.gather(*askers)

        assert client.retries > 0


def test_a_client_that_starts_before_its_server_waits_for_it(program: Any) -> None:
    program.kill()
    threading.Timer(1.0, program.start).start()

    with Client(program.address, connect_timeout=15) as client:
        assert client.spaces()[0].name == "tiny"


@pytest.mark.parametrize(
    ("address", "fault"),
    [("127.0.0.1:1", "connection refused"), ("nowhere.invalid:50051", "there is no such host")],
)
async def test_a_server_that_is_not_there_is_told_in_three_seconds_with_the_way_out(
    address: str, fault: str
) -> None:
    begin = time.monotonic()
    with Client(address) as client, pytest.raises(Unavailable) as caught:
        await asyncio.to_thread(client.spaces)
    took = time.monotonic() - begin
    async with AsyncClient(address) as other:
        with pytest.raises(Unavailable) as again:
            await other.spaces()

    assert took < 3
    assert time.monotonic() - begin < 6
    for one in (caught.value, again.value):
        assert one.message == f"no server answers at {address} ({fault})"
        assert "tieback serve --local" in one.hint


def test_a_refused_connection_is_waited_out_where_the_server_was_there_before() -> None:
    refused = Unavailable("failed to connect: connection refused")
    never, before = CallSession("here", Options()), CallSession("here", Options())
    before.answered()
    slow = CallSession("here", Options())

    def tries(session: CallSession, error: Unavailable, seconds: float) -> bool:
        attempts = Attempts(session, RPCS["ListSpaces"], timeout=60)
        attempts.failed(error)
        attempts._first_failure = time.monotonic() - seconds
        try:
            return attempts.failed(error) >= 0
        except Unavailable:
            return False

    assert not tries(never, refused, 3)
    assert tries(before, refused, 50)
    assert not tries(before, refused, 61)
    assert tries(slow, Unavailable("handshake failed"), 10)


def test_a_call_without_idempotency_is_never_sent_twice() -> None:
    session = CallSession("here", Options())
    once = replace(RPCS["Encode"], idempotent=False, reads_only=False)

    with pytest.raises(Unavailable):
        Attempts(session, once, timeout=60).failed(Unavailable("gone"))

    assert session.retries == 0
    assert not Attempts(session, once, timeout=60).arguments()["wait_for_ready"]


def test_idempotency_is_read_off_the_contract() -> None:
    from tieback.v1 import answer_pb2

    service = answer_pb2.DESCRIPTOR.services_by_name["AnswerService"]

    assert rpc_of(service.methods_by_name["Retrieve"]).reads_only
    ingest = rpc_of(service.methods_by_name["IngestItems"])
    assert (ingest.idempotent, ingest.reads_only) == (True, False)


def test_only_unavailability_and_overloads_are_retried(client: Client, served: Any) -> None:
    with pytest.raises(TiebackError):
        client.encode("a", space="nope")
    assert served.log.calls.count("Encode") == 1
    with pytest.raises(Overloaded):
        client.encode("a", space="busy", timeout=0.7)

    assert served.log.calls.count("Encode") >= 3
    assert client.retries >= 1


def test_an_overload_is_told_at_once_where_that_was_asked_for(served: Any) -> None:
    with Client(served.address, retry=Retry(overloads=False)) as client, pytest.raises(Overloaded):
        client.encode("a", space="busy")

    assert served.log.calls.count("Encode") == 1


def test_retries_are_counted_for_the_call_and_for_the_client(client: Client) -> None:
    result = client.encode("a", space="flaky")

    assert result.call.retries == client.retries == 2


def test_all_attempts_of_a_call_have_one_request_id(client: Client, served: Any) -> None:
    client.encode("a", space="flaky")

    assert len({one["x-request-id"] for one in served.log.metadata}) == 1


def test_without_retries_the_first_failure_is_the_last(served: Any) -> None:
    with Client(served.address, retry=None) as client, pytest.raises(Unavailable):
        client.encode("a", space="flaky")

    assert served.log.calls == ["Encode"]


def test_an_overload_is_waited_out_where_that_was_asked_for(served: Any) -> None:
    begin = time.monotonic()

    with (
        Client(served.address, retry=Retry(overloads=True, seconds=0.7)) as client,
        pytest.raises(Overloaded),
    ):
        client.encode("a", space="busy")

    assert served.log.calls.count("Encode") >= 2
    assert time.monotonic() - begin >= 0.25


def test_a_call_that_follows_what_an_overloaded_server_says_succeeds(served: Any) -> None:
    begin = time.monotonic()

    with Client(served.address, retry=Retry(initial=0.001, overloads=True)) as client:
        result = client.encode("a", space="busy-at-first")

    assert (result.call.retries, served.log.calls.count("Encode")) == (1, 2)
    assert time.monotonic() - begin >= 0.05  # the server's word, and not the client's own


def test_the_wait_grows_to_its_longest_and_ends_with_the_patience() -> None:
    session = CallSession("here", Options(retry=Retry(initial=0.1, multiplier=2, maximum=0.4, seconds=10)))
    session.reached = True
    call = Attempts(session, RPCS["Encode"], timeout=None)

    waits = [call.failed(Unavailable("gone")) for _ in range(6)]

    assert all(
        longest / 2 <= wait <= longest
        for wait, longest in zip(waits, [0.1, 0.2, 0.4, 0.4, 0.4, 0.4], strict=True)
    )
    with pytest.raises(Unavailable):
        Attempts(session, RPCS["Encode"], timeout=0.001).failed(Unavailable("gone"))


def test_a_stream_is_begun_again_only_before_its_first_event(client: Client, served: Any) -> None:
    assert client.generate("flaky").collect().text == "The moon moves it."
    assert served.log.calls.count("Generate") == 3
    served.log.calls.clear()

    stream = client.generate("breaks")
    with pytest.raises(Unavailable):
        stream.collect()

    assert served.log.calls.count("Generate") == 1
    assert stream.answer.text == "The moon moves it."
    assert not stream.answer.is_complete
    assert stream.answer.verdicts[1].label is VerdictLabel.SUPPORTED


def test_a_broken_stream_of_writes_sends_again_what_was_not_acknowledged(breaking: Any) -> None:
    items = [Item(f"item {i:02}", "words") for i in range(10)]

    with Client(breaking.address) as client:
        acknowledged = [one.id for ack in client.ingest("notes", items, batch=2) for one in ack.results]

        assert acknowledged == [one.id for one in items]
        assert [one.id for one in client.items("notes")] == acknowledged
    assert breaking.log.calls.count("IngestItems") == 2


async def test_a_broken_asynchronous_stream_of_writes_does_so_too(breaking: Any) -> None:
    items = [Item(f"item {i:02}", "words") for i in range(10)]

    async with AsyncClient(breaking.address) as client:
        report = await client.ingest("notes", items, batch=2).collect()

        assert report.written == 10
        assert [one.id async for one in client.items("notes")] == [one.id for one in items]
    assert breaking.log.calls.count("IngestItems") == 2


def test_the_deadline_holds_over_all_attempts(program: Any) -> None:
    with Client(program.address) as client:
        client.spaces()
        program.kill()
        begin = time.monotonic()

        with pytest.raises((DeadlineExceeded, Unavailable)):
            client.encode("a", space="tiny", timeout=1)

        assert 0.5 < time.monotonic() - begin < 2


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "tieback_client"]


def _killed_and_restarted(program: Any, count: Callable[[], int]) -> int:
    program.kill()
    time.sleep(DOWN)
    before = count()
    program.start()
    return before


def _wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    assert true()


def test_a_server_that_worked_on_a_stream_and_is_shut_down_again_has_patience_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr(attempts, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    session = CallSession("here", Options())
    session.reached = True
    stream = Attempts(session, RPCS["IngestItems"], timeout=None)
    told = Unavailable("it is shutting down", Details(reason="UNAVAILABLE", request_id="seen"))

    for worked in (10.0, 50.0, 50.0):  # more than 60 s since the first break, and no answer
        stream.arguments()
        clock[0] += worked
        stream.failed(told)
    with pytest.raises(Unavailable):
        for _ in range(100):  # it is there, and refuses at once
            stream.arguments()
            clock[0] += 1
            stream.failed(told)

    assert clock[0] > 100 + 110 + 55
