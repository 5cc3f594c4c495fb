"""Texts that are compressed by gzip, one to a file: "handbook.md.gz", as in packages of Debian."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import PurePath

from tieback_client.errors import InvalidArgument

_SUFFIX = ".gz"
_BEGIN = b"\x1f\x8b"
_AS_GZIP = 16 + zlib.MAX_WBITS


def is_gzipped(name: str, data: bytes) -> bool:
    """Whether a file is one by its name and its first bytes."""
    return PurePath(name).suffix.lower() == _SUFFIX and data.startswith(_BEGIN)


def name_within(name: str) -> str:
    """What the compressed file is called."""
    return name[: -len(_SUFFIX)]


def gunzipped(data: bytes, most: int) -> bytes:
    """What was compressed. `InvalidArgument` where it is damaged, or has more than `most` bytes."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            read = file.read(most + 1)
    except (OSError, EOFError, zlib.error):
        raise InvalidArgument("it is gzip data that is damaged or cut off") from None
    if len(read) > most:
        raise InvalidArgument(f"it has more than {most:,} bytes uncompressed, the limit for texts")
    return read


def beginning(data: bytes, most: int) -> bytes:
    """The first bytes of what was compressed, from the beginning of the file; none where it is damaged."""
    try:
        return zlib.decompressobj(_AS_GZIP).decompress(data, most)
    except zlib.error:
        return b""
