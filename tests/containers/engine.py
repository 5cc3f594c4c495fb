"""Podman with storage, networks and configuration in one folder, apart from what the machine has."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from containers import machine

_PARENT = "libpod_parent"
"""The control group that podman puts all containers in."""
_WEIGHED = Path("/sys/fs/cgroup/cpu") / _PARENT


class EngineError(Exception):
    """A command failed; the message is what it said."""


class Engine:
    """Containers of this command. A context manager, which leaves none running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("storage", "run", "tmp", "networks", "volumes"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        configuration: dict[str, dict[str, Any]] = {
            "containers": {
                "default_ulimits": machine.limits(),
                "init_path": machine.program("catatonit"),
                "log_driver": "k8s-file",
            },
            "engine": {
                "cgroup_manager": "cgroupfs",
                "events_logger": "file",
                "lock_type": "file",  # the other kind is shared by all of the machine
                "runtime": "crun",
                "tmp_dir": str(folder / "tmp"),
                "static_dir": str(folder / "storage/libpod"),
                "volume_path": str(folder / "volumes"),
            },
            "network": {"network_backend": "netavark", "network_config_dir": str(folder / "networks")},
        }
        storage = {
            "storage": {
                "driver": "overlay",
                "graphroot": str(folder / "storage"),
                "runroot": str(folder / "run"),
            }
        }
        (folder / "containers.conf").write_text(_toml(configuration))
        (folder / "storage.conf").write_text(_toml(storage))
        self._environment = os.environ | {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
            "TMPDIR": str(folder / "tmp"),
        }

    def __enter__(self) -> Engine:
        # What a kubelet gives all its pods together; without it they weigh as much as one process outside.
        with suppress(OSError):  # version 2 of control groups has another file, and no such folder
            _WEIGHED.mkdir(exist_ok=True)
            (_WEIGHED / "cpu.shares").write_text(str(1024 * (os.cpu_count() or 1)))
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        left = [one for one in Path("/sys/fs/cgroup").glob(f"*/{_PARENT}/**/") if one.is_dir()]
        for folder in sorted(left, reverse=True):  # podman leaves them, empty; the deepest go first
            with suppress(OSError):
                folder.rmdir()

    def clear(self) -> None:
        """Ends and removes all containers, pods, networks and volumes; images stay."""
        self.podman("pod", "rm", "--all", "--force", "--time=0", check=False)
        self.podman("rm", "--all", "--force", "--time=0", "--volumes", check=False)
        self.podman("network", "prune", "--force", check=False)
        self.podman("volume", "prune", "--force", check=False)

    def podman(
        self, *arguments: str, check: bool = True, seconds: float = 300.0, text: str | None = None
    ) -> str:
        """Standard output of a command of podman; EngineError where it fails."""
        done = subprocess.run(
            ["podman", *arguments],
            env=self._environment,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        if check and done.returncode:
            said = done.stderr.strip().splitlines()[-8:]
            raise EngineError(f"podman {' '.join(arguments[:2])}: {' | '.join(said)}")
        return done.stdout.strip()

    def shown(self, *arguments: str) -> None:
        """Runs a long command of podman with its output in a file; EngineError has the end of it."""
        log = self.folder / f"{arguments[0]}.log"
        with log.open("w") as out:
            done = subprocess.run(
                ["nice", "-n", "5", "podman", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise EngineError(f"podman {arguments[0]}: {' | '.join(log.read_text().splitlines()[-12:])}")

    def build(self, name: str, containerfile: str) -> None:
        """Builds an image from these lines, with the machine's network."""
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        (context / "Containerfile").write_text(containerfile)
        self.shown("build", "--network=host", "--pull=never", f"--tag={name}", str(context))

    def has_image(self, name: str) -> bool:
        """Tell whether an image is there."""
        return bool(self.podman("images", "--quiet", name))

    def run(self, name: str, image: str, options: Sequence[str], command: Sequence[str] = ()) -> None:
        """Starts a container in the background."""
        self.podman("run", "--detach", "--pull=never", f"--name={name}", *options, image, *command)

    def inspected(self, name: str) -> Mapping[str, Any]:
        """All that podman says of a container."""
        [said] = json.loads(self.podman("inspect", "--type=container", name))
        found: Mapping[str, Any] = said
        return found

    def address(self, name: str) -> str:
        """The address of a container that is on one network."""
        [network] = self.inspected(name)["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def is_running(self, name: str) -> bool:
        """Tell whether a container runs."""
        return self.podman("inspect", "--format={{.State.Running}}", name, check=False) == "true"

    def kill(self, name: str) -> None:
        """Ends a container's first process, as the kernel does where memory is short."""
        os.kill(int(self.inspected(name)["State"]["Pid"]), signal.SIGKILL)

    def start(self, name: str, seconds: float = 30.0) -> None:
        """Starts a container that ended, or is about to."""
        end = time.monotonic() + seconds
        while self.is_running(name) and time.monotonic() < end:
            time.sleep(0.1)
        self.podman("start", name)

    def logs(self, name: str, lines: int = 5) -> str:
        """Last words of a container, of both its outputs."""
        return self._said(name, f"--tail={lines}")[-4000:]

    def errors(self, name: str) -> list[str]:
        """The lines of a container's log that are errors."""
        return [line for line in self._said(name).splitlines() if '"level": "error"' in line]

    def _said(self, name: str, *options: str) -> str:
        done = subprocess.run(
            ["podman", "logs", *options, name],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return done.stdout

    def network(self, name: str, subnet: str, *options: str) -> None:
        """Makes a network, with a name server that knows the containers on it."""
        self.podman("network", "create", f"--subnet={subnet}", *options, name)

    def cable(self, name: str, state: str) -> None:
        """Takes the container's network down or up, without a word to anybody."""
        index = int(self.podman("exec", name, "cat", "/sys/class/net/eth0/iflink"))
        links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
        [device] = [one["ifname"] for one in links if one["ifindex"] == index]
        subprocess.run(["ip", "link", "set", device, state], check=True)


def remove(folder: Path) -> None:
    """Removes a folder with images, which has files without write bits."""
    shutil.rmtree(folder, ignore_errors=True)


def _toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
