"""Methods of both clients, each made of one procedure.

A class of methods has a line for each: ``encode = unary(encode)``. `Client` and `AsyncClient` inherit it.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from tieback_contract.query import OPTIONS, QueryKeywords

from tieback_client.transport.async_streams import (
    AsyncEncodingStream,
    AsyncEventStream,
    AsyncReplyStream,
    AsyncWrites,
)
from tieback_client.transport.exchange import Exchange
from tieback_client.transport.operation import AsyncOperation, Operation
from tieback_client.transport.paging import Pages
from tieback_client.transport.rpc import Procedure, StreamCall
from tieback_client.transport.streams import EncodingStream, EventStream, ReplyStream, Writes
from tieback_client.values.encodings import Encodings
from tieback_client.values.events import AnswerEvent
from tieback_client.values.operations import OperationStatus
from tieback_client.values.writes import Acknowledgement

if TYPE_CHECKING:
    from tieback_client.async_client import AsyncClient
    from tieback_client.client import Client

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
E = TypeVar("E", bound=AnswerEvent)
S_co = TypeVar("S_co", covariant=True)
A_co = TypeVar("A_co", covariant=True)

_WIDTH = 110


class Method(Generic[P, S_co, A_co]):
    """A method that returns `S_co` from `Client` and `A_co` from `AsyncClient`."""

    def __init__(
        self,
        procedure: Callable[P, Any],
        blocking: Callable[Concatenate[Client, P], S_co],
        awaited: Callable[Concatenate[AsyncClient, P], A_co],
        returns: str,
    ) -> None:
        self._procedure, self._blocking, self._awaited, self._returns = procedure, blocking, awaited, returns

    @overload
    def __get__(self, client: None, owner: type[Client]) -> Callable[Concatenate[Client, P], S_co]: ...
    @overload
    def __get__(
        self, client: None, owner: type[AsyncClient]
    ) -> Callable[Concatenate[AsyncClient, P], A_co]: ...
    @overload
    def __get__(self, client: Client, owner: type[Client]) -> Callable[P, S_co]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type[AsyncClient]) -> Callable[P, A_co]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        function: Any = self._of_async if owner._is_async else self._of_blocking
        return function if client is None else function.__get__(client, owner)

    @functools.cached_property
    def _of_blocking(self) -> Callable[..., Any]:
        return _dressed(self._blocking, self._procedure, self._returns)

    @functools.cached_property
    def _of_async(self) -> Callable[..., Any]:
        returns = self._returns if self._returns == "{}" else f"Async{self._returns}"
        return _dressed(self._awaited, self._procedure, returns)


def unary(procedure: Callable[P, Procedure[T]]) -> Method[P, T, Coroutine[Any, Any, T]]:
    """A method that makes calls and returns what came of them."""

    def blocking(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client._run(procedure(*args, **kwargs))

    async def awaited(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client._run(procedure(*args, **kwargs))

    return Method(procedure, blocking, awaited, "{}")


def pages(procedure: Callable[P, Pages[T]]) -> Method[P, Iterator[T], AsyncIterator[T]]:
    """A method that lists page after page, as they are read."""

    def blocking(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return client._all(procedure(*args, **kwargs))

    def awaited(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return client._all(procedure(*args, **kwargs))

    return Method(procedure, blocking, awaited, "Iterator[{}]")


def events(procedure: Callable[P, StreamCall[E]]) -> Method[P, EventStream[E], AsyncEventStream[E]]:
    """A method that is answered by a stream of events."""

    def blocking(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> EventStream[E]:
        return EventStream(client, procedure(*args, **kwargs))

    def awaited(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncEventStream[E]:
        return AsyncEventStream(client, procedure(*args, **kwargs))

    return Method(procedure, blocking, awaited, "EventStream[{}]")


def operated(
    procedure: Callable[P, Procedure[OperationStatus[R]]],
) -> Method[P, Operation[R], Coroutine[Any, Any, AsyncOperation[R]]]:
    """A method that starts or finds an operation."""

    def blocking(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> Operation[R]:
        return Operation(client, client._run(procedure(*args, **kwargs)))

    async def awaited(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncOperation[R]:
        return AsyncOperation(client, await client._run(procedure(*args, **kwargs)))

    return Method(procedure, blocking, awaited, "Operation")


def writes(procedure: Callable[P, Exchange[Acknowledgement]]) -> Method[P, Writes, AsyncWrites]:
    """A method that writes a stream of items."""

    def blocking(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> Writes:
        return Writes(client, procedure(*args, **kwargs))

    def awaited(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncWrites:
        return AsyncWrites(client, procedure(*args, **kwargs))

    return Method(procedure, blocking, awaited, "Writes")


def encodings(
    procedure: Callable[P, Exchange[Encodings]],
) -> Method[P, EncodingStream, AsyncEncodingStream]:
    """A method that encodes a stream of contents."""

    def blocking(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> EncodingStream:
        return EncodingStream(client, procedure(*args, **kwargs))

    def awaited(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncEncodingStream:
        return AsyncEncodingStream(client, procedure(*args, **kwargs))

    return Method(procedure, blocking, awaited, "EncodingStream")


def replies(procedure: Callable[P, Exchange[T]]) -> Method[P, ReplyStream[T], AsyncReplyStream[T]]:
    """A method that sends requests one after another, and gives a reply to each."""

    def blocking(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> ReplyStream[T]:
        return ReplyStream(client, procedure(*args, **kwargs))

    def awaited(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncReplyStream[T]:
        return AsyncReplyStream(client, procedure(*args, **kwargs))

    return Method(procedure, blocking, awaited, "ReplyStream[{}]")


def _dressed(method: Any, procedure: Callable[..., Any], returns: str) -> Callable[..., Any]:
    """The method with the procedure's name, docstring and signature, for `help()` and editors.

    `returns` is a template for the annotation: its ``{}`` is what is in the procedure's brackets. Options of
    a query are parameters by name, and described in the docstring.
    """
    functools.update_wrapper(method, procedure)
    del method.__wrapped__  # else inspect would look through to the procedure
    signature = inspect.signature(procedure)
    inside = str(signature.return_annotation).partition("[")[2].rpartition("]")[0]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(signature.parameters.values())
    if parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
        parameters[-1:] = _keywords()
        method.__doc__ = f"{inspect.cleandoc(procedure.__doc__ or '')}\n\n{_descriptions()}\n"
    method.__signature__ = signature.replace(
        parameters=[own, *parameters], return_annotation=returns.format(inside)
    )
    return cast("Callable[..., Any]", method)


def _keywords() -> Iterator[inspect.Parameter]:
    for name, annotation in QueryKeywords.__annotations__.items():
        kind = getattr(annotation, "__forward_arg__", annotation)
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


@functools.cache
def _descriptions() -> str:
    return "\n".join(
        textwrap.fill(f"`{one.name}`: {one.description}", _WIDTH, subsequent_indent="    ") for one in OPTIONS
    )
