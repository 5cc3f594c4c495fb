"""Servicers made of ports: an RPC reads its request, asks the port's method, and writes what that gives."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import grpc

from tieback.core.call import Call
from tieback.serving.requests.context import deadline_of
from tieback.serving.requests.parsing import converted
from tieback.serving.requests.rpcs import Rpc
from tieback.serving.servicers.batch import PartialBatch
from tieback.serving.servicers.request_stream import RequestStreams

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Callable[..., Any]


def servicer(port: object, known: Mapping[str, Rpc], **own: Handler) -> Any:
    """The servicer of a service whose RPCs are methods of the port, and `own` handlers of others.

    It is of the class that was generated for the service, which the server registers it by.
    """
    streams = RequestStreams()
    if any(rpc.method.request_streaming for rpc in known.values()):
        own = {"drain": lambda _: streams.drain(), **own}
    service = next(iter(known.values())).method.service
    _, _, name = service.rpartition(".")
    path = next(iter(known.values())).request_message.DESCRIPTOR.file.name
    stubs = importlib.import_module(path.removesuffix(".proto").replace("/", ".") + "_pb2_grpc")
    return type(name, (getattr(stubs, f"{name}Servicer"),), {**handlers(port, known, streams), **own})()


def handlers(
    port: object, known: Mapping[str, Rpc], streams: RequestStreams | None = None
) -> dict[str, Handler]:
    """The handlers of RPCs by their names, as methods of a servicer. Streams of requests are of `streams`."""
    found: dict[str, Handler] = {}
    for rpc in known.values():
        ask, name = getattr(port, rpc.name), rpc.method.path.rpartition("/")[2]
        if rpc.method.request_streaming:
            found[name] = _exchange(ask, rpc, streams or RequestStreams())
        else:
            found[name] = (_stream if rpc.method.response_streaming else _unary)(ask, rpc)
    return found


def _unary(ask: Callable[[Any, Call], Any], rpc: Rpc) -> Handler:
    async def handle(_: object, message: Any, context: Context) -> Any:
        return rpc.reply.write(await answered(ask, rpc, message, Call(deadline_of(context))))

    return handle


def _stream(ask: Callable[[Any, Call], AsyncIterator[Any]], rpc: Rpc) -> Handler:
    async def handle(_: object, message: Any, context: Context) -> AsyncIterator[Any]:
        call = Call(deadline_of(context))
        events: Any = ask(await converted(lambda: rpc.request.read(message)), call)
        async with aclosing(events):
            async for event in events:
                yield rpc.reply.write(event)

    return handle


def _exchange(
    ask: Callable[[AsyncIterator[Any], Call], AsyncGenerator[Any, None]], rpc: Rpc, streams: RequestStreams
) -> Handler:
    async def read(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for message in messages:
            yield await converted(functools.partial(rpc.request.read, message))

    async def handle(_: object, messages: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        call = Call(deadline_of(context))
        replies = streams.in_turn(read(messages), lambda requests: ask(requests, call))
        async with aclosing(replies):
            async for reply in replies:
                yield rpc.reply.write(reply)

    return handle


async def answered(ask: Callable[..., Any], rpc: Rpc, message: Any, call: Call) -> Any:
    """The reply to a request. Elements that could not be read fail alone, where the RPC has such.

    Raises the first error where no element can be read.
    """
    request = await converted(lambda: rpc.request.read(message))
    if rpc.signature is not None:
        more = {"call": call} if "call" in rpc.signature.parameters else {}
        return await ask(**request.by_name, **more)
    if rpc.alone is None:
        return await ask(request, call)
    elements: Sequence[Any] = getattr(request, rpc.alone.field)
    # One that stands for all is not beside each.
    beside = [name for name in rpc.alone.beside if len(getattr(request, name)) == len(elements)]
    batch = PartialBatch(elements, rpc.alone.field, beside=beside)
    if not batch.errors:
        return await ask(request, call)
    if not batch.good:
        raise next(iter(batch.errors.values()))
    kept = {name: [getattr(request, name)[place] for place in batch.places] for name in beside}
    reply = await ask(dataclasses.replace(request, **{rpc.alone.field: batch.good}, **kept), call)
    return dataclasses.replace(reply, results=batch.merged(reply.results))
