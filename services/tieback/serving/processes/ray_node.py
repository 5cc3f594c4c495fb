"""The program `ray` of the image: Ray's own, whose node says in the pod's log what the platform says.

A pod logs what `ray start` writes, and Ray keeps what its workers write in files of its session. So a node
that blocks runs as a child of this process, which writes the platform's lines of these files to standard
error, hands signals on, and says why the node ended. Ray's own lines stay in its files. This process lives
beside Ray, and imports the standard library alone.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

_RAY = (
    *(sys.executable, "-P", "-c"),
    "import sys; from ray.scripts.scripts import main; sys.argv[0] = 'ray'; main()",
)
_POLL_SECONDS = 0.2
_MOST_BYTES = 1 << 20  # of one file in one step
_MOST_CHARACTERS = 500
_KEYS = {"time", "level", "logger", "message"}
"""Those of each line of the platform (`serving/metrics/logs.py`)."""
_HEAD_LOST = re.compile(r"GCS has been unavailable for more than (\d+) seconds")
_ERROR = re.compile(r"^\[[^]]* [EC] [^]]*\] (.+)", re.MULTILINE)


class WorkerLogs:
    """Lines that workers of Ray write to standard error, in files of a folder, from a time on."""

    def __init__(self, folder: Path, since: float) -> None:
        self._folder, self._since = folder, since
        self._read: dict[str, int] = {}

    def lines(self) -> list[bytes]:
        """The platform's lines since the last call: JSON objects with what each of them has."""
        found = []
        for entry in sorted(os.scandir(self._folder), key=lambda one: one.name):
            if entry.name.startswith("worker-") and entry.name.endswith(".err"):
                found += self._lines_of(entry)
        return [line for line in found if _is_ours(line)]

    def _lines_of(self, entry: os.DirEntry[str]) -> list[bytes]:
        """Whole lines of a file that were not read yet."""
        about = entry.stat()
        if entry.name not in self._read:  # a volume keeps files of the node before
            self._read[entry.name] = about.st_size if about.st_mtime < self._since else 0
        begin = self._read[entry.name]
        if about.st_size <= begin:
            self._read[entry.name] = min(begin, about.st_size)
            return []
        with Path(entry.path).open("rb") as file:
            file.seek(begin)
            data = file.read(_MOST_BYTES)
        whole = data[: data.rfind(b"\n") + 1] or (data if len(data) == _MOST_BYTES else b"")
        self._read[entry.name] = begin + len(whole)
        return whole.splitlines()


class Node:
    """A node of Ray, which blocks, in a process of its own."""

    def __init__(self, command: list[str]) -> None:
        self._begin = time.time()
        self._process = subprocess.Popen(command)  # noqa: S603 - Ray, with the arguments of this process
        self._is_stopping = False
        self._logs: WorkerLogs | None = None
        self._folder: Path | None = None

    def run(self) -> int:
        """Returns the node's exit code once it ended; what the platform says meanwhile was written."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while (code := self._process.poll()) is None:
            self._pass_on()
            time.sleep(_POLL_SECONDS)
        self._pass_on()
        if self._is_stopping:
            _say("info", "stopped", event="stopped")
        elif code:
            _say("error", f"the Ray node ended: {self._why()}", event="failed", code=code)
        return code if code >= 0 else 128 - code

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True
        self._process.send_signal(number)

    def _pass_on(self) -> None:
        if self._logs is None and (folder := _logs_of(self._process.pid)) is not None:
            self._folder, self._logs = folder, WorkerLogs(folder, self._begin)
        if self._logs is not None:
            for line in self._logs.lines():
                sys.stderr.buffer.write(line + b"\n")
            sys.stderr.buffer.flush()

    def _why(self) -> str:
        """The reason, as far as Ray says it."""
        if self._folder is None:
            return "it did not start; Ray's own lines say why"
        told = "\n".join(_end_of(self._folder / name) for name in ("raylet.out", "raylet.err"))
        if lost := _HEAD_LOST.search(told):
            return (
                f"its head was away for more than {lost[1]} s, which RAY_gcs_rpc_server_reconnect_timeout_s "
                "changes; where the head comes back with its state (Redis), a new node joins it"
            )
        errors = _ERROR.findall(told)
        return errors[-1][:_MOST_CHARACTERS] if errors else f"the logs in {self._folder} say why"


def _logs_of(node: int) -> Path | None:
    """The folder of the logs of a node, from the command line of its raylet; None before that runs."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_text("utf-8", "replace").split("\0")
            parent = (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1]
        except OSError:  # it ended
            continue
        if words[0].endswith("/raylet") and int(parent) == node:
            named = next((one for one in words if one.startswith("--log_dir=")), "")
            return Path(named.partition("=")[2]) if named else None
    return None


def _end_of(file: Path) -> str:
    """The last part of a file, or nothing where it is not there."""
    try:
        return file.read_text("utf-8", "replace")[-_MOST_BYTES:]
    except OSError:
        return ""


def _is_ours(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.keys() >= _KEYS


def _say(level: str, message: str, **fields: object) -> None:
    now = time.time()
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
    line = {"time": clock, "level": level, "logger": "tieback.ray_node", "message": message, **fields}
    print(json.dumps(line), file=sys.stderr, flush=True)


def main() -> None:
    """Runs `ray` with the arguments of this process."""
    command = [*_RAY, *sys.argv[1:]]
    if sys.argv[1:2] != ["start"] or "--block" not in sys.argv:
        os.execv(command[0], command)  # noqa: S606 - as above
    sys.exit(Node(command).run())


if __name__ == "__main__":
    main()
