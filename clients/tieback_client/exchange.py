"""Streams of writes: batches out, acknowledgements back, nothing lost where the stream breaks.

`Exchange` says what to send; `Window` holds what was sent and not acknowledged. Neither touches a channel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from tieback_client import reading
from tieback_client.documents import Item
from tieback_client.errors import InternalError, TiebackError
from tieback_client.reports import CallInfo
from tieback_client.results import Acknowledgement, WriteReport, WriteResult
from tieback_client.rpc import Rpc
from tieback_client.status import from_status

# Half of what every gRPC server takes, so that a batch of small items is never refused for its size.
BATCH_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Exchange:
    """A stream of items to write."""

    rpc: Rpc
    """What to call."""
    items: Iterable[Item] | AsyncIterable[Item]
    """The items, drawn as there is room for them."""
    pack: Callable[[Item, str], Message]
    """Makes a message of an item; the text names the item in errors."""
    request: Callable[[Sequence[Any]], Message]
    """Makes a request of packed items."""
    results: Callable[[Any, Sequence[str]], Sequence[WriteResult]]
    """Reads a response to the items of these ids."""
    batch: int
    """Items in one request at most."""
    in_flight: int
    """Requests sent and not acknowledged at most."""
    timeout: float | None
    """Seconds for the whole stream; None for no limit."""

    @staticmethod
    def result(name: str, status: Any, truncated_sections: int = 0) -> WriteResult:
        """The outcome for one item, from its status."""
        error = from_status(status) if status.code else None
        return WriteResult(name, error, truncated_sections)


@dataclass(frozen=True, slots=True)
class _Sent:
    request: Message
    ids: Sequence[str]


class Window:
    """What one exchange has sent and not yet seen acknowledged, and what it has not sent yet.

    A broken stream is begun again with `rewind`: the requests without an acknowledgement are sent once more,
    which writes nothing twice, since items are replaced by id.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: deque[_Sent] = deque()
        self._again: deque[_Sent] = deque()
        self._packed: list[Message] = []
        self._ids: list[str] = []
        self._bytes = 0
        self._seen = 0
        self.closed = False

    @property
    def has_room(self) -> bool:
        """Whether another request may be sent before an acknowledgement comes."""
        return len(self._waiting) < self._exchange.in_flight

    @property
    def all_sent(self) -> bool:
        """Whether nothing is left to send on this stream."""
        return self.closed and not self._again

    @property
    def done(self) -> bool:
        """Whether everything was acknowledged."""
        return self.all_sent and not self._waiting

    def rewind(self) -> None:
        """Makes everything unacknowledged to be sent again, in order."""
        self._again.extendleft(reversed(self._waiting))
        self._waiting.clear()

    def resend(self) -> Message | None:
        """The next request to send again, or None."""
        return self._send(self._again.popleft()) if self._again else None

    def offer(self, item: Item) -> Message | None:
        """Takes the next item; returns a request once a batch is full."""
        message = self._exchange.pack(item, f"items[{self._seen}]")
        self._seen += 1
        size = message.ByteSize()
        full = self._flush() if self._packed and self._bytes + size > BATCH_BYTES else None
        self._packed.append(message)
        self._ids.append(item.id)
        self._bytes += size
        if full is None and len(self._packed) >= self._exchange.batch:
            full = self._flush()
        return full

    def close(self) -> Message | None:
        """Notes that no more items come; returns the last request, or None."""
        self.closed = True
        return self._flush() if self._packed else None

    def acknowledge(self, response: Any) -> Acknowledgement:
        """Matches a response with the request that waits longest."""
        if not self._waiting:
            raise InternalError("the server acknowledged a request that was never sent")
        sent = self._waiting.popleft()
        results = self._exchange.results(response, sent.ids)
        return Acknowledgement(results, reading.timing(response.timing))

    def _flush(self) -> Message:
        sent = _Sent(self._exchange.request(self._packed), self._ids)
        self._packed, self._ids, self._bytes = [], [], 0
        return self._send(sent)

    def _send(self, sent: _Sent) -> Message:
        self._waiting.append(sent)
        return sent.request


@dataclass(slots=True)
class Tally:
    """The running sum of acknowledgements."""

    written: int = 0
    """Items that are durable."""
    errors: dict[str, TiebackError] = field(default_factory=dict)
    """Why items were refused, by their id."""
    truncated_sections: int = 0
    """Sections whose text was cut off for some space."""
    call: CallInfo = field(default_factory=CallInfo)
    """How the call went."""

    def add(self, acknowledgement: Acknowledgement) -> None:
        """Takes in one acknowledgement."""
        for one in acknowledgement.results:
            if one.error is None:
                self.written += 1
                self.truncated_sections += one.truncated_sections
            else:
                self.errors[one.id] = one.error

    def report(self) -> WriteReport:
        """The sum as it stands."""
        return WriteReport(self.written, self.errors, self.truncated_sections, self.call)
