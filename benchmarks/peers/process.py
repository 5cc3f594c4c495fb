"""A peer's server: processes of its own, ready inside the block and gone after it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.load.target import Target
from benchmarks.served import StartError

MARK = "BENCHMARK_OF_PEER"
START_SECONDS, STOP_SECONDS, POLL_SECONDS, PROBE_SECONDS = 180.0, 5.0, 0.2, 10.0
# What would lead a peer to another's packages, or to another cluster.
FOREIGN = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "RAY_ADDRESS"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Launch:
    """Start of a server: the command, in which folder, and how it is reached."""

    command: Sequence[str]
    folder: Path
    target: Target
    variables: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def started(launch: Launch, log: Path) -> Iterator[None]:
    """Runs the server until the block ends; it has answered once when the block begins.

    StartError, with its last words, where it ends before that or takes longer than three minutes.
    """
    mark = uuid.uuid4().hex
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            launch.command,
            cwd=launch.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**inherited, **ONE_THREAD, **launch.variables, MARK: mark},
            start_new_session=True,  # Ctrl-C is for the benchmark, which then ends its servers
        )
        try:
            _wait(process, launch.target, log)
            yield
        finally:
            _stop(process, mark)


def _wait(process: subprocess.Popen[bytes], target: Target, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            asyncio.run(_probe(target))
        except Exception as error:  # noqa: BLE001 - each wire says in its own way that nobody answers yet
            unanswered = error
        else:
            return
        if process.poll() is not None:
            raise StartError(f"ended with status {process.returncode}: {_last_words(log)}")
        if time.monotonic() > end:
            why = " ".join(str(unanswered).split()) or type(unanswered).__name__
            raise StartError(f"no answer after {START_SECONDS:.0f} s ({why}): {_last_words(log)}")
        time.sleep(POLL_SECONDS)


async def _probe(target: Target) -> None:
    async with asyncio.timeout(PROBE_SECONDS):
        await target.open()
        try:
            await target.encode(["ready"])
        finally:
            await target.close()


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{' | '.join(lines[-2:]) or 'it said nothing'} (all of it: {log})"


def _stop(process: subprocess.Popen[bytes], mark: str) -> None:
    """SIGTERM to the server, and SIGKILL to whatever is left of it after a while."""
    ours = _descendants(process) | _marked(mark)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    process.kill()
    process.wait()
    for one in ours | _marked(mark):
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(ours, STOP_SECONDS)


def _descendants(process: subprocess.Popen[bytes]) -> set[psutil.Process]:
    try:
        return set(psutil.Process(process.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def _marked(mark: str) -> set[psutil.Process]:
    """Processes that the server started and left: they keep its environment."""
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for one in psutil.process_iter():
        with contextlib.suppress(OSError):
            if wanted in Path(f"/proc/{one.pid}/environ").read_bytes().split(b"\0"):
                found.add(one)
    return found
