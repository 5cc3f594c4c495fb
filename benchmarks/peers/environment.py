"""A virtual environment for a peer, away from tieback's: their packages contradict each other.

What a peer asks for is in its own file; the version of that, and of all it brings, is in `pins/NAME.txt`.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1] / ".peers"
TORCH_INDEX = "TIEBACK_TORCH_INDEX"  # as for scripts/setup: builds of PyTorch for the processor alone


class InstallError(Exception):
    """A peer cannot be set up here; the message says why."""


@dataclass(frozen=True)
class Environment:
    """The environment of the peer `name`: the packages `requirements`, at the pinned versions."""

    name: str
    requirements: Sequence[str]

    @property
    def folder(self) -> Path:
        return ROOT / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """The folder of the packages."""
        major, minor = sys.version_info[:2]
        return self.folder / "lib" / f"python{major}.{minor}" / "site-packages"

    @property
    def pins(self) -> Path:
        return HERE / "pins" / f"{self.name}.txt"

    @property
    def versions(self) -> dict[str, str]:
        """The pinned version of every package. PyTorch has none: its build depends on the machine."""
        found = re.findall(r"^([\w.-]+)==(\S+)$", self.pins.read_text(), re.MULTILINE)
        return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}

    @property
    def is_ready(self) -> bool:
        """Tell whether all that is asked for today was installed."""
        return self._stamp.is_file() and self._stamp.read_text() == self._wanted()

    @property
    def megabytes(self) -> float:
        """Size on the disk."""
        return sum(path.lstat().st_size for path in self.folder.rglob("*")) / 1e6

    def install(self) -> None:
        """Installs what is missing; what an interrupted run installed stays. InstallError says why not."""
        if self.is_ready:
            return
        if not self.python.exists():
            _run([sys.executable, "-m", "venv", "--without-pip", str(self.folder)])
        index = os.environ.get(TORCH_INDEX)
        _run(
            [
                *(sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check"),
                *("install", "--constraint", str(self.pins)),
                *(("--extra-index-url", index) if index else ()),
                *(() if sys.stderr.isatty() else ("--quiet",)),
                *self.requirements,
            ]
        )
        self._stamp.write_text(self._wanted())

    @property
    def _stamp(self) -> Path:
        return self.folder / ".installed"

    def _wanted(self) -> str:
        decides = "\n".join([sys.version, *self.requirements, self.pins.read_text()])
        return hashlib.sha256(decides.encode()).hexdigest()


def _run(command: Sequence[str]) -> None:
    ended = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, errors="replace")
    if ended.returncode:
        words = [line.strip() for line in ended.stderr.splitlines() if line.startswith("ERROR")]
        raise InstallError("".join(words[-1:]) or f"{command[2]} ended with status {ended.returncode}")
