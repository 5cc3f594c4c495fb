"""Decompression of requests, by this server and not by gRPC: bounded, and only of what has passed the edge.

gRPC leaves messages compressed, and does not report which ones are. A gzip stream is known by its first byte:
as protobuf, it would be a wire type that does not exist. What gRPC calls deflate begins as field 15 would,
and is known by ending with the right checksum.
"""

from __future__ import annotations

import zlib

from tieback.core.errors import InvalidInput

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
