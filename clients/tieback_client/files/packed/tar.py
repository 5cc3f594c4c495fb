"""Archives of tar, as they are or compressed, read from their beginning to their end within a limit."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from tieback_client.errors import InvalidArgument
from tieback_client.files.decoding import storable
from tieback_client.files.reading import MOST_BYTES

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
HEADERS = 32 << 20
"""Bytes beside what the members hold."""
MEMORY = 128 << 20
"""That unpacking xz may take."""
_LONGEST_HEADER = 1 << 20
_DAMAGE = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError)


def members(name: str, data: bytes, most: int, *, reads: bool) -> Iterator[tuple[str, int, bytes | None]]:
    """The regular files of an archive: name, size, and content.

    Of one that is too large the content is None, and of all where it is not read. `InvalidArgument` where the
    archive is damaged, or `most` bytes are not enough.
    """
    try:
        stream = _Limited(_opened(name, data), most + HEADERS)
        with tarfile.open(fileobj=cast(Any, stream), mode="r|", tarinfo=_Header) as archive:
            for one in archive:
                if not one.isreg():
                    continue
                content = None
                if reads and one.size <= MOST_BYTES:
                    content = cast(IO[bytes], archive.extractfile(one)).read()
                yield one.name.encode(errors="surrogateescape").decode(errors="replace"), one.size, content
                archive.members = []  # type: ignore[attr-defined]  # else it keeps all headers
    except _DAMAGE as error:
        reason = storable(" ".join(str(error).split()))[:200] or type(error).__name__
        raise InvalidArgument(f"it is damaged, or no archive of tar: {reason}") from None


def too_large(size: int) -> str:
    """Why a member of a size is not read."""
    return f"it has {size:,} bytes unpacked, and files of up to {MOST_BYTES:,} are read"


class _Header(tarfile.TarInfo):
    """A header, whose own extensions are not larger than paths and times are."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in _EXTENSIONS and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError("a header is too large")
        return super()._proc_member(archive)  # type: ignore[misc]  # the hook that tarfile has for classes


_EXTENSIONS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


class _Limited:
    """A stream that ends with an error where it has more than is read."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._left = self._most = most

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise InvalidArgument(
                f"it holds more than {self._most:,} bytes unpacked: unpack it, and index the folder"
            )
        return data


class _Xz(io.RawIOBase):
    """Data that xz compressed, unpacked within `MEMORY`; lzma's own file has no limit."""

    def __init__(self, data: bytes) -> None:
        self._rest: bytes = data
        self._decoder = lzma.LZMADecompressor(memlimit=MEMORY)

    def readable(self) -> bool:
        """As files say it."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as there is something."""
        while True:
            if self._decoder.eof:
                self._rest = self._decoder.unused_data.lstrip(b"\0")
                if not self._rest:
                    return 0
                self._decoder = lzma.LZMADecompressor(memlimit=MEMORY)
            made = self._decoder.decompress(self._rest, len(buffer))
            if not made and not self._rest and not self._decoder.eof:
                raise EOFError("it is cut off")
            self._rest = b""
            if made:
                buffer[: len(made)] = made
                return len(made)


def _opened(name: str, data: bytes) -> IO[bytes]:
    if name.lower().endswith("gz"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=io.BytesIO(data)))
    if name.lower().endswith(("bz2", "tbz", "tbz2")):
        return cast(IO[bytes], bz2.BZ2File(io.BytesIO(data)))
    if name.lower().endswith("xz"):
        return io.BufferedReader(_Xz(data))
    return io.BytesIO(data)
