"""From a request's bytes to its message: decompressed, counted, parsed, each within bounds.

What is large is read on a thread, so that the event loop goes on; what is small is read where it is, since
changing threads would cost more than reading. Two large requests are read at a time.
"""

from __future__ import annotations

import asyncio
import contextvars
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from tieback_contract.limits import Limits

from tieback.core.errors import InvalidInput, Overloaded
from tieback.core.freed_memory import return_freed_memory
from tieback.serving.requests.limits import Gate
from tieback.serving.requests.wire import malformed

# Decompression of requests, by this server and not by gRPC: bounded, and only of what has passed the edge.
#
# gRPC leaves messages compressed, and does not report which ones are. A gzip stream is known by its first
# byte: as protobuf, it would be a wire type that does not exist. What gRPC calls deflate begins as field 15
# would, and is known by ending with the right checksum.
RATIO = 100
"""How many times its size a request may be when it is decompressed. Texts are about a twentieth of that."""
SMALL = 64 * 1024
"""Bytes that a request may be when it is decompressed, whatever it was before."""

OPTIONS = (("grpc.per_message_decompression", 0),)
_GZIP, _DEFLATE = 0x1F, 0x78
_EITHER_WINDOW = 47  # zlib's code for the largest window and either format, which the first bytes show


def is_compressed(message: bytes) -> bool:
    """Whether the message may be compressed, by its first byte."""
    return bool(message) and message[0] in (_GZIP, _DEFLATE)


def inflate(message: bytes, limit: int) -> bytes:
    """The message as it was before compression; as it is, where it is not compressed.

    InvalidInput where it is more than `limit` bytes or `RATIO` times its size, or broken. No more than that
    is ever held.
    """
    if not is_compressed(message):
        return message
    limit, whole = min(limit, max(RATIO * len(message), SMALL)), limit
    stream = zlib.decompressobj(_EITHER_WINDOW)
    try:
        inflated = stream.decompress(message, limit + 1)
    except zlib.error:
        inflated = b""
    if len(inflated) > limit:
        if limit < whole:
            raise InvalidInput(
                f"the request is more than {RATIO} times its size when it is decompressed; send it as it is",
                reason="MESSAGE_TOO_LARGE",
            )
        raise InvalidInput(
            f"the request is more than {limit} bytes when it is decompressed; send it in parts",
            reason="MESSAGE_TOO_LARGE",
        )
    if stream.eof:
        return inflated
    if message[0] == _DEFLATE:
        return message
    raise InvalidInput("the compressed request is no whole gzip stream", reason="MALFORMED_MESSAGE")


T = TypeVar("T")
LARGE = 64 * 1024
"""Bytes of a request from which on it is read on a thread."""
FOREIGN_BYTES = 64 * 1024
"""Of a request to a service that is not of the contract: reflection, channelz."""

VERY_LARGE = 4 << 20
"""Bytes of a request after which the memory that was freed is given back to the system."""

_THREADS = ThreadPoolExecutor(2, thread_name_prefix="reading")
_size: ContextVar[int] = ContextVar("tieback_request_bytes", default=0)


async def converted(read: Callable[[], T]) -> T:
    """What `read` makes of the request that the running task last read; on a thread where that was large."""
    return await _beside(read) if _size.get() > LARGE else read()


async def _beside(work: Callable[[], T]) -> T:
    run = contextvars.copy_context().run
    return await asyncio.get_running_loop().run_in_executor(_THREADS, run, work)


def done_with(size: int) -> None:
    """Gives back the memory of a request of so many bytes, which nobody holds any more."""
    if size >= VERY_LARGE:
        _THREADS.submit(return_freed_memory)


class Reader:
    """Reads the requests of one method. `parse` is None where bytes are passed on."""

    def __init__(
        self,
        message: Descriptor | None,
        parse: Callable[[bytes], Any] | None,
        limits: Limits,
        gate: Gate | None,
    ) -> None:
        self._message = message
        self._parse = parse
        self._limit = limits.message_bytes if message is not None else FOREIGN_BYTES
        self._gate = gate

    async def read(self, data: bytes) -> tuple[Any, int]:
        """The request, and how many bytes it is. InvalidInput where it holds too much or is malformed."""
        longest = len(data) * RATIO if is_compressed(data) else len(data)
        request, size = (
            self.read_now(data) if longest <= LARGE else await _beside(lambda: self.read_now(data))
        )
        _size.set(size)
        return request, size

    def read_now(self, data: bytes) -> tuple[Any, int]:
        """As `read`, here and now."""
        data = inflate(data, self._limit)
        if self._message is None and len(data) > FOREIGN_BYTES:
            raise InvalidInput(f"the request is {len(data)} bytes; at most {FOREIGN_BYTES} are taken")
        if self._gate is not None and self._message is not None:
            self._gate.check(self._message, data)
        if self._parse is None:
            return data, len(data)
        try:
            return self._parse(data), len(data)
        except (DecodeError, UnicodeDecodeError):
            raise malformed() from None


class HeldBytes:
    """Counts the bytes of the requests that are in work in this process, `limit` of them at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    def take(self, size: int) -> None:
        """Counts a request. Overloaded where it does not fit beside the others; alone, any does."""
        if self._held and self._held + size > self._limit:
            raise Overloaded(
                f"requests of {self._held} bytes are in work, and at most {self._limit} may be; "
                "try again in 1 s",
                retry_after=1.0,
            )
        self._held += size

    def give(self, size: int) -> None:
        """The request is done with."""
        self._held -= size
