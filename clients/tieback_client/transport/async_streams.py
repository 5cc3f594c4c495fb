"""What the streams of `AsyncClient` give: the events of an answer, acknowledgements of writes, encodings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tieback_contract.encodings import Encoding

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo
from tieback_client.transport.exchange import Exchange, SendWindow, Tally
from tieback_client.transport.rpc import StreamCall
from tieback_client.values.encodings import Encodings
from tieback_client.values.events import Answer, AnswerEvent
from tieback_client.values.writes import Acknowledgement, WriteReport

if TYPE_CHECKING:
    from tieback_client.async_client import AsyncClient

E = TypeVar("E", bound=AnswerEvent)
T = TypeVar("T")


class _Stream(AsyncIterator[T]):
    """What is read to its end, or given up by `close`, as where its `async with` is left."""

    @abstractmethod
    async def close(self) -> None:
        """Ends it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()


class AsyncEventStream(_Stream[E]):
    """The events of an answer, as they come. Iterate or `collect()` it; leaving early cancels the work."""

    def __init__(self, client: AsyncClient, call: StreamCall[E]) -> None:
        self.answer = Answer(question=call.question)
        """The answer as far as it was read."""
        self._call: Any = None
        self._events = client._stream(call, self)

    async def collect(self) -> Answer:
        """Reads to the end and returns the whole answer."""
        async for _ in self:
            pass
        return self.answer

    def cancel(self) -> None:
        """Gives up; a reader that waits gets `Cancelled`, and the server stops its work."""
        if self._call is not None:
            self._call.cancel()

    async def close(self) -> None:
        """Ends reading; the server stops its work."""
        await self._events.aclose()

    def _ended(self, info: CallInfo) -> None:
        self.answer.call = info

    async def __anext__(self) -> E:
        event = await anext(self._events)
        self.answer.add(event)
        return event


class AsyncWrites(_Stream[Acknowledgement]):
    """The acknowledgements of a stream of writes. Iterate or `collect()` it; until then nothing is sent."""

    def __init__(self, client: AsyncClient, exchange: Exchange[Acknowledgement]) -> None:
        self._tally = Tally()
        self._window = SendWindow(exchange)
        self._acknowledgements = client._exchange(self._window)

    @property
    def report(self) -> WriteReport:
        """The sum of the acknowledgements so far."""
        return self._tally.report(self._window.call)

    async def collect(self) -> WriteReport:
        """Sends everything and returns the sum of the acknowledgements.

        `NothingWritten` where every item was refused; where some were written, the report has the errors.
        """
        async for _ in self:
            pass
        self._tally.raise_where_all_failed()
        return self.report

    async def close(self) -> None:
        """Gives up; what is not acknowledged may or may not be written."""
        await self._acknowledgements.aclose()

    async def __anext__(self) -> Acknowledgement:
        acknowledgement = await anext(self._acknowledgements)
        self._tally.add(acknowledgement)
        return acknowledgement


class AsyncEncodingStream(_Stream[Encoding | TiebackError]):
    """The outcomes of a stream of contents, in their order. Iterate it, its `batches()`, or `collect()` it.

    Until then nothing is sent. An outcome is an `Encoding`, or the error of an input that failed.
    """

    def __init__(self, client: AsyncClient, exchange: Exchange[Encodings]) -> None:
        self._batches = client._exchange(SendWindow(exchange))
        self._outcomes = _outcomes(self._batches)

    def batches(self) -> AsyncIterator[Encodings]:
        """The same, batch by batch as they were sent."""
        return self._batches

    async def collect(self) -> Encodings:
        """Sends everything and returns all encodings at once."""
        return Encodings.joined([batch async for batch in self._batches])

    async def close(self) -> None:
        """Ends the stream; the server stops its work."""
        await self._batches.aclose()

    async def __anext__(self) -> Encoding | TiebackError:
        return await anext(self._outcomes)


class AsyncReplyStream(_Stream[T]):
    """The replies to a stream of requests, in their order. Iterate it; until then nothing is sent."""

    def __init__(self, client: AsyncClient, exchange: Exchange[T]) -> None:
        self._replies = client._exchange(SendWindow(exchange))

    async def close(self) -> None:
        """Ends the stream; the server stops its work."""
        await self._replies.aclose()

    async def __anext__(self) -> T:
        return await anext(self._replies)


async def _outcomes(batches: AsyncIterator[Encodings]) -> AsyncIterator[Encoding | TiebackError]:
    async for batch in batches:
        for outcome in batch.outcomes:
            yield outcome


async def items_of(items: Any) -> AsyncIterator[Any]:
    """The items of an iterable, asynchronous or not."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
