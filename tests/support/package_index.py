"""A package index on loopback: real HTTP, real pip, wheels made in memory."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tieback.catalog.source import PackageSource

NAME = "tieback_test_weights-1.0-py3-none-any.whl"


def make_wheel(files: dict[str, bytes]) -> bytes:
    """A wheel of these files, which do not compress."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        info = "tieback_test_weights-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tieback-test-weights\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return buffer.getvalue()


def source_of(wheel: bytes, files: dict[str, str]) -> PackageSource:
    """The source that pins the wheel."""
    return PackageSource(
        package="tieback-test-weights",
        version="1.0",
        wheel=NAME,
        sha256=hashlib.sha256(wheel).hexdigest(),
        size=len(wheel),
        license="MIT",
        files=files,
    )


@dataclass
class Index:
    """Serves one wheel; `breaks_after` bytes of a download the connection is dropped, once.

    Downloads of the store alone are counted and dropped: pip, which is asked for the address, sometimes
    begins one of its own.
    """

    wheel: bytes
    breaks_after: int | None = None
    knows_ranges: bool = True
    refuses_files: bool = False
    ranges: list[str] = field(default_factory=list)
    downloads: int = 0
    url: str = ""


@contextmanager
def serving(index: Index) -> Iterator[Index]:
    """The index, up while the block runs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/simple/"):
                page = f'<a href="/files/{NAME}">{NAME}</a>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
            elif self.path == f"/files/{NAME}":
                self._send_wheel()
            else:
                self.send_error(404)

        def _send_wheel(self) -> None:
            asked = self.headers.get("Range", "")
            by_pip = "pip/" in self.headers.get("User-Agent", "")
            if not by_pip:
                index.ranges.append(asked)
                index.downloads += 1
            if index.refuses_files and not by_pip:
                self.send_error(403)
                return
            begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and index.knows_ranges else 0
            body = index.wheel[begin:]
            self.send_response(206 if begin else 200)
            if begin:
                span = f"bytes {begin}-{len(index.wheel) - 1}/{len(index.wheel)}"
                self.send_header("Content-Range", span)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if index.breaks_after is not None and not by_pip:
                body, index.breaks_after = body[: index.breaks_after], None
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        index.url = f"http://127.0.0.1:{server.server_port}/simple/"
        try:
            yield index
        finally:
            server.shutdown()


def point_pip_at(index: Index, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Has pip know this index alone, whatever the machine's configuration."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("PIP_CACHE_DIR", str(folder / "pip-cache"))
    monkeypatch.setenv("PIP_RETRIES", "0")
