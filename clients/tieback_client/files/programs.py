"""Programs of the machine that turn a file into text, with limits of time, memory and output; no shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, cast

from tieback_client.files.budget import SECONDS, TookTooLong

MEMORY = 512 << 20
"""Bytes of address space of a program, where the system can limit it (Linux)."""
OUTPUT = 32 << 20
"""Bytes that are taken of what a program writes; one that writes more is given up."""
_TAKEN = 1 << 16


def is_installed(program: str) -> bool:
    """Tell whether a program is found on the path."""
    return shutil.which(program) is not None


def filtered(arguments: Sequence[str], data: bytes) -> bytes:
    """Output of a program that reads `data`, in an empty folder; "" where it fails.

    `TookTooLong` where it takes more than its time, its memory or its output.
    """
    program = shutil.which(arguments[0])
    if program is None:
        return b""
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryDirectory() as folder:
        given.write(data)
        given.seek(0)
        with (
            subprocess.Popen(  # noqa: S603 - without a shell, by the path of a program that the code names
                [program, *arguments[1:]],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment,
            ) as process
        ):
            _limit(process.pid)
            watch = threading.Timer(SECONDS, process.kill)
            watch.start()
            try:
                written = _written(cast(IO[bytes], process.stdout))
                process.wait()
            finally:
                process.kill()
                watch.cancel()
        if process.returncode < 0:
            raise TookTooLong
        return written


def _written(output: IO[bytes]) -> bytes:
    """All that a program writes. `TookTooLong` where that is too much."""
    taken: list[bytes] = []
    size = 0
    while part := output.read(_TAKEN):
        taken.append(part)
        size += len(part)
        if size > OUTPUT:
            raise TookTooLong
    return b"".join(taken)


def _limit(process: int) -> None:
    """Limits the memory and the processor time of a process. It has read nothing of its size yet."""
    if sys.platform != "linux":
        return
    import resource

    seconds = max(1, int(SECONDS))
    try:
        resource.prlimit(process, resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.prlimit(process, resource.RLIMIT_CPU, (seconds, seconds))
    except (OSError, ValueError):  # it has ended already, or the limits of the user are lower
        return
