"""Downloads a wheel: pip gives its address, a broken download is resumed, and the hash is checked.

pip alone knows the user's index, mirrors and credentials, so it is asked for the wheel's address, in a
process of its own. Where that address cannot be read by us (an index that wants credentials), pip downloads.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import http.client
import io
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import IO, Protocol, cast

from tieback.artifacts import file_digest
from tieback.catalog.source import NESTED, PackageSource
from tieback.core.errors import StartupError

Progress = Callable[[int, int], None]  # bytes there, bytes in all
READ_BYTES = 1 << 18
TIMEOUT = 60.0
READABLE = ("https", "http", "file")
HIDDEN = "****"  # what pip prints in the place of credentials


class Response(Protocol):
    """What `urlopen` returns, as far as it is used."""

    status: int | None

    def read(self, count: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...

    def __enter__(self) -> Response: ...

    def __exit__(self, *error: object) -> None: ...


def download(source: PackageSource, folder: Path, progress: Progress) -> Path:
    """The wheel in the folder, its hash checked.

    An interrupted download leaves `NAME.whl.partial`, and the next one goes on from its end. StartupError
    where the wheel cannot be had, or is not the one that the card pins; of the latter nothing is kept.
    """
    wheel = folder / source.wheel
    if not (wheel.is_file() and file_digest(wheel) == source.sha256):
        wheel.unlink(missing_ok=True)
        partial = folder / f"{source.wheel}.partial"
        _fetch(source, partial, progress)
        found = file_digest(partial)
        if found != source.sha256:
            partial.unlink()
            raise StartupError(
                f"{source.wheel} has the SHA-256 {found}, and the card pins {source.sha256}: it is not the "
                "file that was reviewed, and nothing of it was kept. Pull again; if it recurs, your package "
                "index serves another file"
            )
        partial.replace(wheel)
    progress(source.size, source.size)
    return wheel


def _fetch(source: PackageSource, partial: Path, progress: Progress) -> None:
    """Reads the rest of the wheel ourselves where we can, and has pip read all of it where we cannot."""
    begun = partial.stat().st_size if partial.exists() else 0
    if begun == source.size:
        return
    response = _open(locate(source), begun if begun < source.size else 0)
    if response is None:
        _let_pip_download(source, partial)
        return
    with response, partial.open("ab" if _resumes(response) else "wb") as file:
        try:
            _append(response, file, source.size, progress)
        except (OSError, EOFError, http.client.HTTPException) as error:
            raise StartupError(
                f"the download of {source.wheel} broke off at {file.tell()} of {source.size} bytes "
                f"({error or type(error).__name__}); run the command again to go on from there"
            ) from error


def _open(url: str | None, begun: int) -> Response | None:
    """The wheel from byte `begun` on (from the first, if the server knows no ranges); None if not for us."""
    if url is None or urllib.parse.urlsplit(url).scheme not in READABLE:
        return None
    headers = {"Range": f"bytes={begun}-"} if begun else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked above
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT, context=_trust())  # noqa: S310 - as above
    except OSError:
        return None
    return cast(Response, response)


def _resumes(response: Response) -> bool:
    return response.status == HTTPStatus.PARTIAL_CONTENT


def _append(response: Response, file: IO[bytes], size: int, progress: Progress) -> None:
    there = file.tell()
    while block := response.read(READ_BYTES):
        there += len(block)
        if there > size:
            break  # more than the card states: the hash will not agree, so there is no use in reading on
        file.write(block)
        progress(there, size)
    if there < size:
        raise EOFError("the server closed the connection")


@functools.cache
def _trust() -> ssl.SSLContext:
    """The certificates that pip trusts, where the user configured others than the system's."""
    with _pip("config", "list") as pip:
        said = pip.stdout.read() if pip.stdout else ""
    settings = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    for name in (":env:.cert", "download.cert", "global.cert"):
        if name in settings:
            return ssl.create_default_context(cafile=ast.literal_eval(settings[name]))
    return ssl.create_default_context()


def locate(source: PackageSource) -> str | None:
    """The wheel's address, or None where pip does not report it.

    Asked twice for detail, pip prints each link that it considers before it downloads anything, also of
    wheels for other machines. Its report would say the same in JSON, but most versions download first.
    """
    pattern = re.compile(rf"\S+/{re.escape(urllib.parse.quote(source.wheel))}(?=[\s#]|$)")
    with (
        tempfile.TemporaryDirectory() as folder,
        _pip("download", "-vv", *_request(source), "--dest", folder) as pip,
    ):
        for line in pip.stdout or ():
            if (match := pattern.search(line)) and HIDDEN not in match[0]:
                return match[0]
    return None


def _let_pip_download(source: PackageSource, partial: Path) -> None:
    with tempfile.TemporaryDirectory(dir=partial.parent) as folder:
        with _pip("download", "--quiet", *_request(source), "--dest", folder) as pip:
            said = pip.stdout.read() if pip.stdout else ""
        wheel = Path(folder) / source.wheel
        if not wheel.is_file():
            last = (said.strip().splitlines() or ["pip said nothing"])[-1]
            raise StartupError(
                f"pip cannot fetch {source.package}=={source.version} as {source.wheel}: {last}; check the "
                "network and pip's configuration (python -m pip config list)"
            )
        wheel.replace(partial)


def _request(source: PackageSource) -> list[str]:
    """What to ask pip for: this wheel on whatever machine and Python, as only data is taken from it."""
    python, abi, platforms = source.wheel.removesuffix(".whl").split("-")[-3:]
    tags: list[str] = []
    if platforms != "any":
        version = python.removeprefix("cp").removeprefix("py")
        tags = ["--implementation", python[:2], "--abi", abi, "--python-version", version]
        tags += [flag for platform in platforms.split(".") for flag in ("--platform", platform)]
    return [*tags, "--no-deps", "--only-binary=:all:", f"{source.package}=={source.version}"]


@contextlib.contextmanager
def _pip(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run of pip, all its output in one stream; it is ended where nobody reads that to the end."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    with subprocess.Popen(  # noqa: S603 - the arguments are a card's, checked against patterns
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


WHEEL_READ_BYTES = 1 << 20
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
                with _open_wheel(archive, member, limit) as reading, partial.open("wb") as writing:
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


def _open_wheel(archive: zipfile.ZipFile, member: str, limit: int) -> IO[bytes]:
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
    return _open_wheel(zipfile.ZipFile(whole), inner, limit)


def _copy(reading: IO[bytes], writing: IO[bytes], limit: int) -> int:
    copied = 0
    while block := reading.read(WHEEL_READ_BYTES):
        copied += len(block)
        if copied > limit:
            raise _TooLarge
        writing.write(block)
    return copied
