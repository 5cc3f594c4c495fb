"""Streams of requests: batches out, an answer to each back, nothing lost where the stream breaks.

`Exchange` has what to send; `SendWindow` holds what was sent and not answered, and what was answered before
its turn. Neither touches a channel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message
from tieback.v1 import content_pb2
from tieback_contract.converters import read_truncated
from tieback_contract.encodings import Truncated
from tieback_contract.field_path import FieldPath, at

from tieback_client.errors import InternalError, NothingWritten, Overloaded, TiebackError, Unavailable
from tieback_client.reports import CallInfo
from tieback_client.transport.rpc import ContractRpc
from tieback_client.transport.status import from_status
from tieback_client.values.writes import Acknowledgement, WriteReport, WriteResult

R = TypeVar("R")

# Half of what every gRPC server takes, so that a batch of small items is never refused for its size.
BATCH_BYTES = 2 * 1024 * 1024
ITEM_BYTES = 64  # of a short text
BATCH_SECTIONS = 4096
"""Sections of the items of one request, unless one item has more: about half of what a server takes."""
BATCH_TEXT_BYTES = 128 * 1024
"""Bytes of text of the items of one request, unless one item has more. All of it is encoded before the
request is answered, and the answer shows how far the work is, and what is kept. A server works on three at
once, some 100,000 tokens, which is half of what may wait there (TIEBACK_QUEUED_TOKENS)."""
# What ends a stream that may go on as another.
BROKEN = (grpc.RpcError, Unavailable, Overloaded)


@dataclass(frozen=True, slots=True)
class Exchange(Generic[R]):
    """A stream of requests made of items, each answered by an `R`."""

    rpc: ContractRpc
    """What to call."""
    items: Iterable[Any] | AsyncIterable[Any]
    """The items, drawn as there is room for them."""
    pack: Callable[[Any, FieldPath], Message]
    """Makes a message of an item; the text names the item in errors."""
    request: Callable[[Sequence[Any], int], Message]
    """Makes a request of packed items and its number, which counts from 0."""
    result: Callable[[Any, Any, CallInfo], R]
    """Reads a response to a request. A retryable error that it raises breaks the stream."""
    batch: int
    """Items in one request at most."""
    in_flight: int
    """Requests sent and not answered at most."""
    timeout: float | None
    """Seconds for the whole stream; None for no limit."""
    name: str = "items"
    """What the items are called in errors."""
    number: Callable[[Any], int] | None = None
    """Which request a response answers; left out where responses come in the order of the requests."""
    again: Callable[[Any], Message] | None = None
    """Makes of a request one that another stream takes, which knows nothing of those answered before."""


class SendWindow(Generic[R]):
    """What one exchange has sent and not yet seen answered, and what it has not sent yet.

    A broken stream is begun again with `rewind`: the requests without an answer are sent once more, which
    does no harm, since streams of writes replace items by id and the others change nothing.
    """

    def __init__(self, exchange: Exchange[R]) -> None:
        self.exchange = exchange
        self.call = CallInfo()
        """How the call went, once it has ended."""
        self._waiting: dict[int, Message] = {}
        self._again: deque[int] = deque()
        self._early: dict[int, R] = {}
        self._packed: list[Message] = []
        self._bytes = self._sections = self._text = 0
        self._seen = self._numbered = self._given = 0
        self._closed = False

    @property
    def sample(self) -> Message:
        """A request as they are, without items."""
        return self.exchange.request([], 0)

    @property
    def size(self) -> int:
        """About how many bytes are under way at once."""
        return self.exchange.in_flight * self.exchange.batch * ITEM_BYTES

    @property
    def has_room(self) -> bool:
        """Whether another request may be sent before an answer is given out."""
        held = self._numbered - self._given - len(self._again)
        return held < self.exchange.in_flight

    @property
    def all_sent(self) -> bool:
        """Whether nothing is left to send on this stream."""
        return self._closed and not self._again

    @property
    def done(self) -> bool:
        """Whether everything was answered."""
        return self._closed and not self._waiting

    def rewind(self) -> None:
        """Makes everything unanswered to be sent again, in order."""
        self._again = deque(sorted(self._waiting))

    def resend(self) -> Message | None:
        """The next request to send again, or None."""
        if not self._again:
            return None
        request, again = self._waiting[self._again.popleft()], self.exchange.again
        return request if again is None else again(request)

    def offer(self, item: Any) -> Message | None:
        """Takes the next item; returns a request once a batch is full."""
        message = self.exchange.pack(item, at(self.exchange.name, self._seen))
        self._seen += 1
        size = message.ByteSize()
        sections = len(getattr(message, "sections", ()))
        text = _text_bytes(message)
        over = (
            len(self._packed) >= self.exchange.batch
            or self._bytes + size > BATCH_BYTES
            or self._sections + sections > BATCH_SECTIONS
            or self._text + text > BATCH_TEXT_BYTES
        )
        full = self._flush() if self._packed and over else None
        self._packed.append(message)
        self._bytes += size
        self._sections += sections
        self._text += text
        if full is None and len(self._packed) >= self.exchange.batch:
            full = self._flush()
        return full

    def close(self) -> Message | None:
        """Notes that no more items come; returns the last request, or None."""
        self._closed = True
        return self._flush() if self._packed else None

    def answer(self, response: Any, info: CallInfo) -> list[R]:
        """Matches a response with its request; returns the results whose turn it is now, in order."""
        told = self.exchange.number
        number = told(response) if told is not None else min(self._waiting, default=-1)
        if number not in self._waiting:
            raise InternalError("the server answered a request that was never sent")
        self._early[number] = self.exchange.result(response, self._waiting[number], info)
        del self._waiting[number]
        ready = []
        while self._given in self._early:
            ready.append(self._early.pop(self._given))
            self._given += 1
        return ready

    def _flush(self) -> Message:
        number = self._numbered
        self._numbered += 1
        self._waiting[number] = request = self.exchange.request(self._packed, number)
        self._packed, self._bytes, self._sections, self._text = [], 0, 0, 0
        return request


def _text_bytes(message: Message) -> int:
    """The bytes of an item's texts; 0 of what is no item to be encoded."""
    if not isinstance(message, content_pb2.Item):
        return 0
    return sum(one.content.ByteSize() for one in message.sections if one.content.WhichOneof("kind") == "text")


def write_result(name: str, status: Any, ingested: Any = None) -> WriteResult:
    """The outcome for one item that was sent to be written, from its status and what ingestion reports."""
    error = from_status(status) if status.code else None
    if ingested is None:
        return WriteResult(name, error)
    return WriteResult(
        name,
        error,
        truncated_sections=ingested.truncated_sections,
        truncated=read_truncated(ingested.truncated),
        split_sections=ingested.split_sections,
        added_sections=ingested.added_sections,
    )


@dataclass(slots=True)
class Tally:
    """The running sum of acknowledgements."""

    written: set[str] = field(default_factory=set)
    """The ids of items that are durable; one that was written twice is one item."""
    errors: dict[str, TiebackError] = field(default_factory=dict)
    """Why items were refused, by their id."""
    truncated_sections: int = 0
    """Sections whose text some space did not read to its end."""
    truncated: dict[str, Truncated] = field(default_factory=dict)
    """What was not read, by space."""
    split_sections: int = 0
    """Sections that were sent and split."""
    added_sections: int = 0
    """Sections that are there because of that, beside those that were sent."""

    def add(self, acknowledgement: Acknowledgement) -> None:
        """Takes in one acknowledgement."""
        for one in acknowledgement.results:
            if one.error is None:
                self.written.add(one.id)
                self.truncated_sections += one.truncated_sections
                self.split_sections += one.split_sections
                self.added_sections += one.added_sections
                for space, more in one.truncated.items():
                    known = self.truncated.get(space)
                    self.truncated[space] = more if known is None else known + more
            else:
                self.errors[one.id] = one.error

    def raise_where_all_failed(self) -> None:
        """`NothingWritten` where items were refused and none was written."""
        if self.errors and not self.written:
            raise NothingWritten(self.errors)

    def report(self, call: CallInfo) -> WriteReport:
        """The sum as it stands."""
        return WriteReport(
            len(self.written),
            self.errors,
            self.truncated_sections,
            call,
            dict(self.truncated),
            self.split_sections,
            self.added_sections,
        )
