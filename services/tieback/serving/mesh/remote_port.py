"""A service that is called on the mesh, as its port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any, TypeAlias

from tieback.core.call import NO_CALL, Call
from tieback.serving.mesh import Mesh, stream
from tieback.serving.mesh import call as asked
from tieback.serving.requests.rpcs import Arguments, Rpc

Target: TypeAlias = str | Callable[[Any], str]
"""The deployment that is called, or what chooses it by the request."""


def remote(mesh: Mesh, known: Mapping[str, Rpc], target: Target) -> Any:
    """The port of a service that is called on the mesh: it has the methods of these RPCs."""
    return SimpleNamespace(
        **{
            rpc.name: (_events if rpc.method.response_streaming else _unary)(mesh, rpc, target)
            for rpc in known.values()
        }
    )


def _unary(mesh: Mesh, rpc: Rpc, target: Target) -> Callable[..., Any]:
    async def method(request: Any, call: Call = NO_CALL) -> Any:
        to = target if isinstance(target, str) else target(request)
        message = rpc.request.write(request)
        return rpc.reply.read(await asked(mesh, to, message, rpc.reply_message, call.deadline))

    if rpc.signature is None:
        return method
    signature = rpc.signature

    async def of_arguments(*given: Any, **named: Any) -> Any:
        arguments = signature.bind(None, *given, **named).arguments
        del arguments["self"]
        call = arguments.pop("call", NO_CALL)
        return await method(Arguments(arguments), call)

    return of_arguments


def _events(mesh: Mesh, rpc: Rpc, target: Target) -> Callable[[Any, Call], AsyncIterator[Any]]:
    async def method(request: Any, call: Call) -> AsyncIterator[Any]:
        """The events as they come; leaving the iteration cancels the call."""
        to = target if isinstance(target, str) else target(request)
        events = stream(mesh, to, rpc.request.write(request), rpc.reply_message, call.deadline)
        async with aclosing(events):
            async for event in events:
                yield rpc.reply.read(event)

    return method
