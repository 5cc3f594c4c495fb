"""Cost of a refusal in processor time: servers that refuse every call, each in a process of its own, are
called in turn at a fixed rate by another process."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

import grpc
from tieback.admission import Admission
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import Overloaded
from tieback.core.types.encoding import EncodeRequest, SplitTextsRequest
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.requests import failures
from tieback.serving.requests.rejection import METHOD, SPACE_KEY
from tieback.serving.servicers.encoder import encoder_servicer
from tieback.serving.settings import Settings
from tieback.v1 import content_pb2, encoder_pb2

SPACE = "full"
TEXT = "A text of about as many words as most of those have that the overload consists of."
RATE, ROUNDS, SECONDS = 600.0, 8, 0.5
WAITING, DONE_PER_SECOND = 100_000, 4_000

BARE, SCREENED, NAMED, LOOKED_AT = (
    "a grpc.aio server that refuses, nothing else",
    "refused before it is parsed",
    "refused before it is read: the caller names the space",
    "refused after it was parsed",
)


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor time of one refused call."""

    way: str
    server: float
    caller: float


class _Full:
    """A space in which more waits than can be done in time."""

    def __init__(self) -> None:
        self._admission = Admission()
        self._admission.measure(DONE_PER_SECOND, 1.0)
        self._ticket = self._admission.admit(WAITING, deadline=Deadline.after(0.0))

    def is_pressed(self, space: str) -> bool:
        return self._admission.is_pressed and space == SPACE

    def refusal(self, _: str, deadline: Deadline) -> Overloaded | None:
        return self._admission.refusal(deadline)

    async def split_texts(self, request: SplitTextsRequest, call: Call) -> NoReturn:
        raise NotImplementedError

    async def encode(self, _: EncodeRequest, call: Call) -> NoReturn:
        self._admission.admit(1, deadline=call.deadline)
        raise AssertionError("a full space has admitted a call")


def refusals(say: Callable[[str], None], rounds: int = ROUNDS) -> list[Cost]:
    """The cost of each way to be refused, medians of alternating rounds."""
    context = multiprocessing.get_context("spawn")
    servers: dict[str, tuple[Connection, int]] = {}
    processes = []

    def start(main: Callable[..., None], *arguments: Any) -> Connection:
        ours, theirs = context.Pipe()
        process = context.Process(target=main, args=(theirs, *arguments), daemon=True)
        process.start()
        processes.append(process)
        return ours

    try:
        for kind in (BARE, SCREENED, LOOKED_AT):
            connection = start(_serve, kind)
            servers[kind] = connection, connection.recv()
        caller = start(_call)
        ways = [
            (BARE, BARE, False),
            (LOOKED_AT, LOOKED_AT, False),
            (SCREENED, SCREENED, False),
            (NAMED, SCREENED, True),
        ]
        found: dict[str, list[tuple[float, float]]] = {way: [] for way, _, _ in ways}
        for number in range(rounds + 1):
            say(f"refusals, round {number} of {rounds}")
            for way, kind, named in ways:
                connection, port = servers[kind]
                before = _asked(connection)
                caller.send((port, named))
                calls, spent = caller.recv()
                cost = 1e6 * (_asked(connection) - before) / calls, 1e6 * spent / calls
                if number:  # the first round warms up
                    found[way].append(cost)
    finally:
        for process in processes:
            process.kill()
            process.join()
    return [
        Cost(way, median(server for server, _ in costs), median(caller for _, caller in costs))
        for way, costs in found.items()
    ]


def _asked(server: Connection) -> float:
    """Processor seconds that the server has used."""
    server.send(None)
    seconds: float = server.recv()
    return seconds


def _serve(connection: Connection, kind: str) -> None:
    asyncio.run(_serving(connection, kind))


async def _serving(connection: Connection, kind: str) -> None:
    if kind == BARE:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((_Refusing(),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
    else:
        unused = Path("unused")
        settings = Settings(models=unused, store=unused, drain_seconds=0)
        full, ours = _Full(), GrpcServer(settings, Telemetry(settings))
        ours.add(encoder_servicer(full))
        if kind == SCREENED:
            ours.screen(full)
        port = await ours.start("127.0.0.1", 0)
    connection.send(port)
    loop = asyncio.get_running_loop()
    while True:
        await loop.run_in_executor(None, connection.recv)
        connection.send(time.process_time())


class _Refusing(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Refuses with the same details as the product."""

    def __init__(self) -> None:
        error = Overloaded("100000 tokens are waiting; try again in 30.00 s", retry_after=30.0)
        status = failures.to_status(error)
        trailing: tuple[tuple[str, str | bytes], ...] = (
            ("x-request-id", "0123456789abcdef"),
            *failures.trailing(status),
        )

        async def refuse(_: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, status.message, trailing)

        self._handler = grpc.unary_unary_rpc_method_handler(refuse)

    def service(self, _: grpc.HandlerCallDetails) -> Any:
        return self._handler


def _call(connection: Connection) -> None:
    asyncio.run(_calling(connection))


async def _calling(connection: Connection) -> None:
    body = encoder_pb2.EncodeRequest(
        space=SPACE,
        contents=[content_pb2.Content(text=TEXT)],
        truncation=encoder_pb2.TRUNCATION_END,
        cache=encoder_pb2.CACHE_POLICY_BYPASS,
    ).SerializeToString()
    calls: dict[int, Any] = {}
    loop = asyncio.get_running_loop()
    while True:
        port, named = await loop.run_in_executor(None, connection.recv)
        if port not in calls:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
            await channel.channel_ready()
            calls[port] = channel.unary_unary(METHOD, lambda data: data, lambda data: data)
        metadata = ((SPACE_KEY, SPACE),) if named else None

        async def one(call: Any, metadata: Any) -> None:
            try:
                await call(body, timeout=1.0, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise

        spent, begun = time.process_time(), time.perf_counter()
        running: list[Coroutine[Any, Any, None] | asyncio.Task[None]] = []
        count = round(RATE * SECONDS)
        for number in range(count):
            early = begun + number / RATE - time.perf_counter()
            if early > 0.0:
                await asyncio.sleep(early)
            running.append(asyncio.create_task(one(calls[port], metadata)))
        await asyncio.gather(*running)
        connection.send((count, time.process_time() - spent))
