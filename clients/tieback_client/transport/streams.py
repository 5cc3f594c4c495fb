"""What the streams of `Client` give: the events of an answer, acknowledgements of writes, encodings."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator
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
    from tieback_client.client import Client

E = TypeVar("E", bound=AnswerEvent)
T = TypeVar("T")


class _Stream(Iterator[T]):
    """What is read to its end, or given up by `close`, as where its `with` is left."""

    @abstractmethod
    def close(self) -> None:
        """Ends it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class EventStream(_Stream[E]):
    """The events of an answer, as they come. Iterate or `collect()` it; leaving early cancels the work."""

    def __init__(self, client: Client, call: StreamCall[E]) -> None:
        self.answer = Answer(question=call.question)
        """The answer as far as it was read."""
        self._call: Any = None
        self._events = client._stream(call, self)

    def collect(self) -> Answer:
        """Reads to the end and returns the whole answer."""
        for _ in self:
            pass
        return self.answer

    def cancel(self) -> None:
        """Gives up, from any thread; a reader that waits gets `Cancelled`, and the server stops its work."""
        if self._call is not None:
            self._call.cancel()

    def close(self) -> None:
        """Ends reading; the server stops its work."""
        self._events.close()

    def _ended(self, info: CallInfo) -> None:
        self.answer.call = info

    def __next__(self) -> E:
        event = next(self._events)
        self.answer.add(event)
        return event


class Writes(_Stream[Acknowledgement]):
    """The acknowledgements of a stream of writes. Iterate or `collect()` it; until then nothing is sent."""

    def __init__(self, client: Client, exchange: Exchange[Acknowledgement]) -> None:
        self._tally = Tally()
        self._window = SendWindow(exchange)
        self._acknowledgements = client._exchange(self._window)

    @property
    def report(self) -> WriteReport:
        """The sum of the acknowledgements so far."""
        return self._tally.report(self._window.call)

    def collect(self) -> WriteReport:
        """Sends everything and returns the sum of the acknowledgements.

        `NothingWritten` where every item was refused; where some were written, the report has the errors.
        """
        for _ in self:
            pass
        self._tally.raise_where_all_failed()
        return self.report

    def close(self) -> None:
        """Gives up; what is not acknowledged may or may not be written."""
        self._acknowledgements.close()

    def __next__(self) -> Acknowledgement:
        acknowledgement = next(self._acknowledgements)
        self._tally.add(acknowledgement)
        return acknowledgement


class EncodingStream(_Stream[Encoding | TiebackError]):
    """The outcomes of a stream of contents, in their order. Iterate it, its `batches()`, or `collect()` it.

    Until then nothing is sent. An outcome is an `Encoding`, or the error of an input that failed.
    """

    def __init__(self, client: Client, exchange: Exchange[Encodings]) -> None:
        self._batches = client._exchange(SendWindow(exchange))
        self._outcomes = itertools.chain.from_iterable(batch.outcomes for batch in self._batches)

    def batches(self) -> Iterator[Encodings]:
        """The same, batch by batch as they were sent."""
        return self._batches

    def collect(self) -> Encodings:
        """Sends everything and returns all encodings at once."""
        return Encodings.joined(list(self._batches))

    def close(self) -> None:
        """Ends the stream; the server stops its work."""
        self._batches.close()

    def __next__(self) -> Encoding | TiebackError:
        return next(self._outcomes)


class ReplyStream(_Stream[T]):
    """The replies to a stream of requests, in their order. Iterate it; until then nothing is sent."""

    def __init__(self, client: Client, exchange: Exchange[T]) -> None:
        self._replies = client._exchange(SendWindow(exchange))

    def close(self) -> None:
        """Ends the stream; the server stops its work."""
        self._replies.close()

    def __next__(self) -> T:
        return next(self._replies)
