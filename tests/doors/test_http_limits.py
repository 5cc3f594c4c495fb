"""The HTTP door against bytes that no client sends, and against callers that take their time."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from support.each import each
from support.small_server import small_server
from tieback.doors.caller import platform
from tieback.doors.http import ConnectionLimits, EdgeLimits, HttpDoor, HttpOptions
from tieback.doors.metrics import DoorMetrics

EMBED = b"POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
AWAY = "localhost:1"


class Door:
    def __init__(self, door: HttpDoor, registry: CollectorRegistry) -> None:
        self.door, self.registry = door, registry

    async def send(self, data: bytes) -> tuple[int, dict[str, str], Any, bytes]:
        """Status, headers, body and what followed of the first answer to these bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.door.port)
        writer.write(data)
        status, headers, body = await answer(reader)
        rest = b""
        if headers.get("connection") == "close":
            rest = await reader.read()
        writer.close()
        return status, headers, body, rest

    def count(self, operation: str, code: str) -> float:
        labels = {"door": "http", "operation": operation, "code": code}
        return self.registry.get_sample_value("tieback_door_requests_total", labels) or 0.0


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers, json.loads(body)


@asynccontextmanager
async def opened(
    address: str = AWAY, *, seconds: float = 5.0, drain: float = 1.0, only_local: bool = False
) -> AsyncIterator[Door]:
    registry = CollectorRegistry()
    options = HttpOptions(
        ConnectionLimits(header_bytes=8192, connections=20, seconds=seconds),
        EdgeLimits(body_bytes=10_000, held_bytes=15_000, requests=8, seconds=seconds, only_local=only_local),
        drain,
    )
    door = HttpDoor(platform(address), options, DoorMetrics(registry))
    await door.start("127.0.0.1", 0)
    try:
        yield Door(door, registry)
    finally:
        await door.stop()


async def test_no_part_of_an_answer_waits_until_the_part_before_is_acknowledged() -> None:
    async with opened() as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.door.port)
        writer.write(HEALTH)
        await answer(reader)

        [connection] = door.door._server.server_state.connections
        taken = connection.transport.get_extra_info("socket")
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()


async def test_two_lengths_of_one_request_are_refused_and_the_second_request_is_never_read() -> None:
    smuggled = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    head = EMBED + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
    async with opened() as door:
        status, headers, body, rest = await door.send(head + b"0\r\n\r\n" + smuggled)

        assert status == 400
        assert headers["connection"] == "close"
        assert body["error"]["code"] == "MALFORMED_REQUEST"
        assert rest == b""
        assert door.count("models", "503") == 0


@each(
    "request_",
    [
        EMBED + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        EMBED + b"content-length: +2\r\n\r\n{}",
        EMBED + b"content-length : 2\r\n\r\n{}",
        EMBED + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        EMBED + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        EMBED + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
        EMBED + b" folded: 1\r\ncontent-length: 2\r\n\r\n{}",
        EMBED + b"na me: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"GET /healthz HTTP/1.1\nhost: x\n\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_two_parsers_may_read_differently_is_refused(request_: bytes) -> None:
    async with opened() as door:
        status, headers, body, _ = await door.send(request_)

        assert status == 400
        assert headers["connection"] == "close"
        assert body["error"]["code"] == "MALFORMED_REQUEST"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 2000,
        b"GET /healthz HTTP/1.1\r\nbig: " + b"x" * 20_000,
        b"GET /" + b"x" * 20_000,
    ],
    ids=["many", "one without an end", "a path without an end"],
)
async def test_headers_over_the_limit_are_refused_before_they_end(head: bytes) -> None:
    async with opened() as door:
        status, _, body, _ = await door.send(head)

        assert status == 431
        assert body["error"]["code"] == "HEADERS_TOO_LARGE"


async def test_a_body_over_the_limit_is_refused_unread_by_its_length() -> None:
    async with opened() as door:
        status, headers, body, _ = await door.send(EMBED + b"content-length: 10001\r\n\r\n")

        assert status == 413
        assert headers["connection"] == "close"
        assert body["error"]["code"] == "BODY_TOO_LARGE"


async def test_a_body_over_the_limit_is_refused_where_its_length_was_not_said() -> None:
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    async with opened() as door:
        status, _, _, _ = await door.send(EMBED + b"transfer-encoding: chunked\r\n\r\n" + chunk * 3)

        assert status == 413


async def test_bodies_together_have_a_limit() -> None:
    async with opened() as door:
        waiting = [await asyncio.open_connection("127.0.0.1", door.door.port) for _ in range(2)]
        for _, writer in waiting:
            writer.write(EMBED + b"content-length: 9000\r\n\r\n" + b"x" * 7000)
        await asyncio.sleep(0.2)
        status, headers, body, _ = await door.send(EMBED + b"content-length: 9000\r\n\r\n" + b"x" * 8999)
        for _, writer in waiting:
            writer.close()

        assert status == 503
        assert headers["retry-after"] == "1"
        assert body["error"]["code"] == "OVERLOADED"


async def test_a_caller_that_sends_no_headers_is_let_go() -> None:
    async with opened(seconds=0.3) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.door.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nhos")
        with pytest.raises(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b"", "it was answered"
            raise ConnectionResetError
        writer.close()


async def test_a_body_that_trickles_is_given_up() -> None:
    async with opened(seconds=0.3) as door:
        status, headers, body, _ = await door.send(EMBED + b"content-length: 100\r\n\r\n{")

        assert status == 408
        assert headers["connection"] == "close"
        assert body["error"]["code"] == "BODY_TOO_SLOW"


async def test_a_caller_that_reads_nothing_loses_its_connection() -> None:
    async with opened(seconds=0.5) as door:
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.connect(("127.0.0.1", door.door.port))
            lazy.setblocking(False)
            loop = asyncio.get_running_loop()

            async def ask() -> None:
                while True:  # answers that nobody reads fill the buffers, and then nothing is read either
                    await loop.sock_sendall(lazy, HEALTH * 50)

            with pytest.raises((ConnectionError, BrokenPipeError)):
                await asyncio.wait_for(ask(), 30)


async def test_connections_over_the_limit_are_closed_and_the_others_work() -> None:
    async with opened() as door:
        open_ = [await asyncio.open_connection("127.0.0.1", door.door.port) for _ in range(20)]
        reader, writer = await asyncio.open_connection("127.0.0.1", door.door.port)
        with pytest.raises(ConnectionError):
            writer.write(HEALTH)
            assert await reader.read() == b""
            raise ConnectionResetError
        first_reader, first = open_[0]
        first.write(HEALTH)
        assert (await answer(first_reader))[0] == 200
        for _, one in (*open_, (reader, writer)):
            one.close()


@each(
    "body, code, param",
    [
        (b"{", "INVALID_JSON", None),
        (b"[]", "INVALID_JSON", None),
        (b'{"model": NaN}', "INVALID_JSON", None),
        (b"[" * 5000, "INVALID_JSON", None),
        (b'{"model": "\xff"}', "INVALID_JSON", None),
        (b'{"input": "a"}', "INVALID_INPUT", "model"),
        (b'{"model": 3, "input": "a"}', "INVALID_INPUT", "model"),
        (b'{"model": "m", "input": []}', "INVALID_INPUT", "input"),
        (b'{"model": "m", "input": ["a", {}]}', "INVALID_INPUT", "input[1]"),
        (b'{"model": "m", "input": "a", "dimensions": 0}', "INVALID_INPUT", "dimensions"),
        (b'{"model": "m", "input": "a", "dimensions": true}', "INVALID_INPUT", "dimensions"),
        (b'{"model": "m", "input": "a", "encoding_format": "int8"}', "INVALID_INPUT", "encoding_format"),
        (b'{"model": "m", "input": "\\ud800"}', "INVALID_JSON", None),
    ],
)
async def test_a_body_that_is_wrong_is_told_what_is_wrong(body: bytes, code: str, param: str | None) -> None:
    async with opened() as door:
        status, _, told, _ = await door.send(EMBED + f"content-length: {len(body)}\r\n\r\n".encode() + body)

        assert status == 400
        assert told["error"]["code"] == code
        assert told["error"]["param"] == param
        assert told["error"]["type"] == "invalid_request_error"


async def test_a_compressed_body_is_not_expanded() -> None:
    bomb = gzip.compress(b'{"model": "' + b"m" * 4_000_000 + b'"}')
    head = EMBED + b"content-encoding: gzip\r\n" + f"content-length: {len(bomb)}\r\n\r\n".encode()
    async with opened() as door:
        status, _, told, _ = await door.send(head + bomb)

        assert len(bomb) < 10_000
        assert (status, told["error"]["code"]) == (400, "INVALID_JSON")


async def test_another_content_type_and_another_method_are_refused() -> None:
    form = (
        b"POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}"
    )
    async with opened() as door:
        assert (await door.send(form))[0] == 415
        assert (await door.send(b"GET /v1/embeddings HTTP/1.1\r\nhost: x\r\n\r\n"))[0] == 405
        assert (await door.send(b"GET /v1/../etc HTTP/1.1\r\nhost: x\r\n\r\n"))[0] == 404
        assert door.count("unknown", "404") == 1


async def test_a_platform_that_is_away_is_told_with_a_time_to_come_back() -> None:
    body = b'{"model": "m", "input": "a"}'
    async with opened() as door:
        asked = EMBED + b"x-request-id: mine\r\n" + f"content-length: {len(body)}\r\n\r\n".encode() + body
        status, headers, told, _ = await door.send(asked)

        assert status == 503
        assert int(headers["retry-after"]) >= 1
        assert headers["x-should-retry"] == "true"
        assert headers["x-request-id"] == told["error"]["request_id"] == "mine"
        assert told["error"]["code"] == "PLATFORM_UNAVAILABLE"
        assert "localhost" not in json.dumps(told), "an address left the server"
        assert (await door.send(HEALTH))[0] == 200
        assert (await door.send(HEALTH.replace(b"healthz", b"readyz")))[0] == 503


async def test_a_door_is_ready_when_its_platform_is_back() -> None:
    ready = HEALTH.replace(b"healthz", b"readyz")
    async with small_server() as first:
        address = first.address
        async with opened(address) as door:
            assert (await door.send(ready))[0] == 200
            await first.grpc.set_all_ready(False)
            assert (await door.send(ready))[0] == 503
            await first.grpc.set_all_ready(True)
            assert (await door.send(ready))[0] == 200


async def test_a_door_that_ends_denies_readiness_and_answers_what_is_in_work() -> None:
    async with opened(drain=3.0) as door:
        kept, writer = await asyncio.open_connection("127.0.0.1", door.door.port)
        writer.write(EMBED + b"content-length: 3\r\n\r\n")
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(door.door.stop())
        await asyncio.sleep(0.1)
        status, _, told, _ = await door.send(HEALTH.replace(b"healthz", b"readyz"))
        assert (status, told["error"]["code"]) == (503, "ENDING")
        await asyncio.sleep(0.5)
        with pytest.raises(OSError, match="onnect"):
            await asyncio.open_connection("127.0.0.1", door.door.port)
        writer.write(b"{ }")
        assert (await answer(kept))[0] == 400
        writer.close()
        await asyncio.wait_for(stopping, 5)


@each("text", ["0", "-1", "nan", "inf", "soon", "1e9"])
async def test_a_time_that_is_none_is_refused(text: str) -> None:
    request = f"GET /v1/models HTTP/1.1\r\nhost: x\r\ntieback-timeout: {text}\r\n\r\n".encode()
    async with opened() as door:
        status, _, told, _ = await door.send(request)

        assert (status, told["error"]["param"]) == (400, "tieback-timeout")


@each(
    "host, origin, status",
    [
        ("localhost:8080", "", 200),
        ("127.0.0.1:1", "http://127.0.0.1:1", 200),
        ("[::1]:8080", "", 200),
        ("evil.example", "", 421),
        ("127.0.0.1.evil.example:8080", "http://127.0.0.1.evil.example:8080", 421),
        ("localhost:8080", "http://evil.example", 403),
        ("localhost:8080", "null", 403),
    ],
)
async def test_a_page_of_another_host_cannot_call_a_server_of_this_machine(
    host: str, origin: str, status: int
) -> None:
    head = f"GET /healthz HTTP/1.1\r\nhost: {host}\r\n" + (f"origin: {origin}\r\n" if origin else "")
    async with opened(only_local=True) as door:
        assert (await door.send(f"{head}\r\n".encode()))[0] == status
