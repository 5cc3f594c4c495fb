"""Servicers made of ports: an RPC reads its request, asks the port's method, and writes what that gives."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import grpc
from tieback_contract.field_path import at

from tieback.core.call import Call
from tieback.core.errors import TiebackError
from tieback.serving.requests.context import deadline_of
from tieback.serving.requests.parsing import converted
from tieback.serving.requests.rpcs import Rpc

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Callable[..., Any]


def servicer(port: object, known: Mapping[str, Rpc], **own: Handler) -> Any:
    """The servicer of a service whose RPCs are methods of the port, and `own` handlers of others.

    It is of the class that was generated for the service, which the server registers it by.
    """
    service = next(iter(known.values())).method.service
    _, _, name = service.rpartition(".")
    path = next(iter(known.values())).request_message.DESCRIPTOR.file.name
    stubs = importlib.import_module(path.removesuffix(".proto").replace("/", ".") + "_pb2_grpc")
    return type(name, (getattr(stubs, f"{name}Servicer"),), {**handlers(port, known), **own})()


def handlers(port: object, known: Mapping[str, Rpc]) -> dict[str, Handler]:
    """The handlers of RPCs by their names, as methods of a servicer."""
    return {
        rpc.method.path.rpartition("/")[2]: (_stream if rpc.method.response_streaming else _unary)(
            getattr(port, rpc.name), rpc
        )
        for rpc in known.values()
    }


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


async def answered(ask: Callable[..., Any], rpc: Rpc, message: Any, call: Call) -> Any:
    """The reply to a request. Elements that could not be read fail alone, where the RPC has such.

    Raises the first error where no element can be read.
    """
    request = await converted(lambda: rpc.request.read(message))
    if rpc.signature is not None:
        beside = {"call": call} if "call" in rpc.signature.parameters else {}
        return await ask(**request.by_name, **beside)
    if rpc.alone is None:
        return await ask(request, call)
    elements: Sequence[Any] = getattr(request, rpc.alone.field)
    errors = {
        place: one.within(at(rpc.alone.field, place))
        for place, one in enumerate(elements)
        if isinstance(one, TiebackError)
    }
    if not errors:
        return await ask(request, call)
    good = [place for place in range(len(elements)) if place not in errors]
    if not good:
        raise next(iter(errors.values()))
    lists = {name: getattr(request, name) for name in (rpc.alone.field, *rpc.alone.beside)}
    named = [name for name, one in lists.items() if len(one) == len(elements)]
    kept = {name: [lists[name][place] for place in good] for name in named}
    reply = await ask(dataclasses.replace(request, **kept), call)
    results: list[Any] = [errors.get(place) for place in range(len(elements))]
    for number, place in enumerate(good):
        results[place] = _moved(reply.results[number], named, number, place)
    return dataclasses.replace(reply, results=results)


def _moved(result: Any, fields: Sequence[str], number: int, place: int) -> Any:
    """The result of an element, whose error names its place in the whole request."""
    if isinstance(result, TiebackError):
        for name in fields:
            result = result.moved(at(name, number), at(name, place))
    return result
