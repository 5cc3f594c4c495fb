"""A method is fitted in a process of its own: PyTorch is imported there, and never by the server.

    anchors.safetensors   what it is fitted on: `old`, `new` and, where there are some, `classes`; and the
                          places of those that it is fitted on besides
    checkpoint            the training as it stands; one that was interrupted continues from it
    state.safetensors     the states, written in one step, with the seconds that the fits took
    log                   what the process wrote to its standard error

are the files of a folder. The process ends with the one that started it, however that ends: it waits for the
end of its standard input.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from safetensors import safe_open
from safetensors.numpy import load, save
from tieback_contract.arrays import Array

from tieback.core.durable_files import write_durably
from tieback.core.error_record import read_error, write_error
from tieback.core.errors import TiebackError, Unsupported
from tieback.core.state import State
from tieback.methods import compatibility

NICE = 10
"""How far the process steps back behind those that serve."""
TOLD_SECONDS = 0.2
"""How often it reports how far it is."""
_ANCHORS, _CHECKPOINT, _STATE, _LOG = "anchors.safetensors", "checkpoint", "state.safetensors", "log"
_PART, _OF = "part ", "/"
_END_BYTES = 4096

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A state, those of parts of its anchors, and the seconds that the last run of the fits took."""

    state: State
    parts: tuple[State, ...]
    seconds: float

    @property
    def states(self) -> tuple[State, ...]:
        """All of them, that of all anchors last."""
        return (*self.parts, self.state)


def check_installed() -> None:
    """Unsupported where PyTorch is not installed beside the server."""
    if importlib.util.find_spec("torch") is None:
        raise Unsupported(
            "an upgrade is learned with PyTorch, which is not installed on this server: install the extra "
            "'train' of tieback there, and restart it"
        )


async def fit(
    folder: Path,
    method: str,
    parameters: Mapping[str, Any],
    anchors: Mapping[str, Array],
    *,
    seed: int,
    parts: Sequence[Array] = (),
) -> AsyncGenerator[float, None]:
    """The share that is done, 0 to 1, until `read` finds the state. Continues what was interrupted.

    `parts` are places of anchors: the method is fitted on each of them besides.
    Raises what `compatibility.fit` does, and Unsupported where the method needs PyTorch and there is none.
    Where it is closed, the process is killed.
    """
    if not compatibility.translates(method):
        check_installed()
    numbered = {f"{_PART}{number}": places for number, places in enumerate(parts)}
    await asyncio.to_thread(_write, folder / _ANCHORS, {**anchors, **numbered})
    request = json.dumps({"method": method, "parameters": dict(parameters), "seed": seed})
    with _process(folder, request) as process:
        lines = cast("IO[str]", process.stdout)
        while line := await asyncio.to_thread(lines.readline):
            told = json.loads(line)
            if "error" in told:
                raise read_error(told["error"])
            yield told["share"]
        code = await asyncio.to_thread(process.wait)
    if code:
        end = (folder / _LOG).read_bytes()[-_END_BYTES:].decode(errors="replace")
        _log.error("the process that fits %s ended with %d: %s", method, code, end)
        raise TiebackError(
            "the training ended early, perhaps for lack of memory; the server's log has more. Start the "
            "upgrade again: it continues where it was"
        )


def read(folder: Path) -> Fitted | None:
    """What was fitted; None where the fit has not ended."""
    path = folder / _STATE
    if not path.exists():
        return None
    with safe_open(path, "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        told = file.metadata()
    states: list[dict[str, Array]] = [{} for _ in range(int(told["states"]))]
    for name, array in arrays.items():
        number, _, called = name.partition(_OF)
        states[int(number)][called] = array
    return Fitted(states[0], tuple(states[1:]), float(told["seconds"]))


@contextmanager
def _process(folder: Path, request: str) -> Iterator[subprocess.Popen[str]]:
    """The process, at work; killed where it has not ended."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OMP_NUM_THREADS": "1",
    }
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - this file
            [sys.executable, "-m", __name__, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True,
            start_new_session=True,  # Ctrl-C in the server's terminal is for the server alone
        )  # fmt: skip
    with process:
        try:
            asking = cast("IO[str]", process.stdin)
            asking.write(f"{request}\n")
            asking.flush()
            yield process
        finally:
            process.kill()


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, save(dict(arrays)))


def _work(folder: Path, request: Mapping[str, Any]) -> None:
    """In the process: fits, and reports how far it is."""
    arrays = load((folder / _ANCHORS).read_bytes())
    parts = [arrays.pop(name) for name in sorted(arrays, key=_number) if name.startswith(_PART)]
    begin = told = time.monotonic()
    states: list[State] = []

    def progress(share: float, _: str) -> None:
        nonlocal told
        if share == 1 or time.monotonic() - told > TOLD_SECONDS:
            told = time.monotonic()
            _tell({"share": (len(states) + share) / (len(parts) + 1)})

    try:
        for places in (None, *parts):
            chosen = arrays if places is None else {name: rows[places] for name, rows in arrays.items()}
            state = compatibility.fit(
                request["method"],
                chosen["old"],
                chosen["new"],
                chosen.get("classes"),
                request["parameters"],
                seed=request["seed"],
                checkpoint=folder / _CHECKPOINT if places is None else None,
                progress=progress,
            )
            states.append(state)
    except TiebackError as error:
        _tell({"error": write_error(error)})
        return
    figures = {"seconds": f"{time.monotonic() - begin:.3f}", "states": str(len(states))}
    every = {
        f"{number}{_OF}{name}": one for number, state in enumerate(states) for name, one in state.items()
    }
    write_durably(folder / _STATE, save(every, figures))


def _number(name: str) -> int:
    return int(name.removeprefix(_PART)) if name.startswith(_PART) else -1


def _tell(told: Mapping[str, Any]) -> None:
    print(json.dumps(told), flush=True)


def _end_with_the_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not sys.stdin: its lock, held at the end, would abort the process
        pass
    os._exit(1)


def main() -> None:
    """Fits by the folder and the first line of the standard input."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    os.nice(NICE)
    _work(Path(sys.argv[1]), request)


if __name__ == "__main__":
    main()
