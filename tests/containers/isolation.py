"""Namespaces of its own for everything that is started, so that nothing outlives the command.

Processes are in a namespace whose first one is an init: when that ends, however it ends, the kernel ends all
others. Mounts and networks are in namespaces too, and are gone with their last process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from containers.machine import program

_NEW_NETWORK = 0x40000000
_SHARED = (Path("/run/containers"), Path("/run/netns"))
_UNIFIED = Path("/sys/fs/cgroup/unified")
MARK = "TIEBACK_TEST_CONTAINERS"
"""The variable that says that this process is inside; its value is the folder."""


def run_inside(arguments: Sequence[str], folder: Path) -> int:
    """Runs this program again, inside. Returns its status."""
    command = [
        "setpriv", "--pdeathsig=KILL",
        "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
        str(program("catatonit")), "--", sys.executable, "-m", "containers", *arguments,
    ]  # fmt: skip
    process = subprocess.Popen(command, env=os.environ | {MARK: str(folder)})

    def pass_on(number: int, _frame: object) -> None:
        for child in _children(process.pid):
            os.kill(child, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    return process.wait()


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in text.split()]


def prepare() -> None:
    """Has one signal end this process by an exception, and mounts what containers need.

    Folders that podman's helpers share with all of the machine are empty ones here. Cgroups are of one
    version: where both are mounted, crun refuses to start containers.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_once)
    for folder in _SHARED:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=True)
    if _UNIFIED.exists():
        subprocess.run(["umount", str(_UNIFIED)], check=True)


def _end_once(_number: int, _frame: object) -> None:
    # A terminal tells both processes of Ctrl-C; what is told twice must not end the cleaning.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def leave_network() -> None:
    """Moves this process to a network namespace of its own, before it has a second thread."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def resolve_by(server: str, folder: Path) -> None:
    """Asks this name server from now on, and no other."""
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {server}\noptions timeout:1 attempts:2 ndots:0\n")
    subprocess.run(["mount", "--bind", str(file), str(Path("/etc/resolv.conf").resolve())], check=True)


def resolve_as_before() -> None:
    """Asks the machine's name servers again."""
    subprocess.run(["umount", str(Path("/etc/resolv.conf").resolve())], check=False, capture_output=True)
