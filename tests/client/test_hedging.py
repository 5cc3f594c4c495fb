"""A slow read is asked twice, within a budget, where hedging is on."""

from __future__ import annotations

import time
from typing import Any

from tieback_client import (
    AsyncClient,
    Client,
    Hedging,
)
from tieback_client.transport.attempts import CallSession
from tieback_client.transport.options import Options
from tieback_client.transport.rpc import RPCS


def test_a_slow_read_is_asked_twice_where_hedging_is_on(served: Any) -> None:
    with Client(served.address, hedging=Hedging(after=0.05)) as client:
        begin = time.monotonic()
        client.encode("a", space="slow")

        assert time.monotonic() - begin < 0.4
    assert served.log.calls.count("Encode") == 2


async def test_a_slow_read_is_asked_twice_asynchronously_too(served: Any) -> None:
    async with AsyncClient(served.address, hedging=Hedging(after=0.05)) as client:
        begin = time.monotonic()
        await client.encode("a", space="slow")

        assert time.monotonic() - begin < 0.4
    assert served.log.calls.count("Encode") == 2


def test_hedging_keeps_to_its_budget() -> None:
    session = CallSession("here", Options(hedging=Hedging(after=0.1, budget=0.1)))
    session.calls, session.hedges = 50, 5

    assert not session.may_hedge(RPCS["Encode"])
    session.calls = 51
    assert session.may_hedge(RPCS["Encode"])
    assert not session.may_hedge(RPCS["DeleteItems"])
