"""This machine: the programs that containers need, its Python, pip's configuration, the certificates."""

from __future__ import annotations

import ast
import os
import re
import resource
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = {
    "podman": "podman",
    "crun": "crun",
    "netavark": "netavark",
    "aardvark-dns": "aardvark-dns",
    "nft": "nftables",
    "catatonit": "catatonit",
    "debootstrap": "debootstrap",
    "kustomize": "kustomize",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "ip": "iproute2",
}
"""Programs, and the packages of Debian that have them."""
HELPERS = ("/usr/libexec/podman", "/usr/lib/podman", "/usr/local/libexec/podman", "/usr/sbin")
"""Folders beside PATH in which podman's helpers are."""


def program(name: str) -> str | None:
    """The path of a program."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(HELPERS))


def lacks() -> list[str]:
    """List what this machine lacks, each with how to get it."""
    missing = sorted(name for name in PACKAGES if program(name) is None)
    found = [f"{name} is not installed (Debian: apt-get install {PACKAGES[name]})" for name in missing]
    if os.geteuid() != 0:
        found.append("namespaces and networks need root: run it by sudo, or in a virtual machine")
    return found


@dataclass(frozen=True, slots=True)
class Python:
    """The interpreter that goes into the base image."""

    prefix: Path
    version: str

    @property
    def binary(self) -> Path:
        """Its program."""
        return self.prefix / f"bin/python{self.version}"

    @property
    def library(self) -> Path:
        """Its standard library."""
        return self.prefix / f"lib/python{self.version}"

    def packages(self) -> list[str]:
        """The packages of Debian that its program and its modules in C need here."""
        files = [self.binary, *self.library.glob("lib-dynload/*.so"), *self.prefix.glob("lib/libpython*.so*")]
        listed = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False).stdout
        needed = {Path(one).resolve() for one in re.findall(r"=> (/\S+)", listed)}
        outside = sorted(str(one) for one in needed if not one.is_relative_to(self.prefix))
        owners = subprocess.run(["dpkg", "-S", *outside], capture_output=True, text=True, check=False).stdout
        return sorted({line.partition(":")[0] for line in owners.splitlines() if ": " in line})


def python(prefix: Path | None = None) -> Python:
    """This interpreter's own installation, or another of the same version."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Python((prefix or Path(sys.base_prefix)).resolve(), version)


def certificates() -> Path | None:
    """The bundle of certificates that Python trusts here."""
    found = ssl.get_default_verify_paths().cafile
    return Path(found).resolve() if found else None


def pip_settings() -> dict[str, str]:
    """Settings of pip here, of its files and variables: one value for each option."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return pip_options(said)


def pip_options(listing: str) -> dict[str, str]:
    """Read what `pip config list` prints; of an option that is in several places, the last counts."""
    found = {}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in ("global", "install", "wheel", ":env:") and option != "no-index":
            found[option] = str(ast.literal_eval(value))
    return found


def paths_in(settings: Mapping[str, str]) -> Iterator[Path]:
    """Files and folders of this machine that settings of pip name."""
    for value in settings.values():
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                yield path


def mirror() -> tuple[str, str]:
    """The address and the release of the packages that this machine is made of; empty where apt says none."""
    release = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    suite = release.group(1) if release else ""
    command = ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    sites = [line.split()[0] for line in said.splitlines() if line.split()[1:] == [suite]]
    return (sites[0] if sites else "", suite)


def limits() -> list[str]:
    """The limits of this process for podman's configuration: to raise one takes a privilege."""
    named = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    return [f"{name}={most}:{most}" for name, one in named.items() for most in [resource.getrlimit(one)[1]]]
