"""Images: one to build on, made of this machine's packages and Python, and the platform's."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from containers import machine
from containers.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = "localhost/tieback:local"
BEFORE = "localhost/tieback:before"
"""The platform's image of an earlier commit."""
STATE = "localhost/state:local"
"""Redis and Prometheus."""
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_SMALLER = ("--exclude=*/site-packages/*", "--exclude=*/test", "--exclude=__pycache__", "--exclude=*.a")


@dataclass(frozen=True, slots=True)
class Sources:
    """Places on this machine that images are made of."""

    python: machine.Python
    certificates: Path | None
    mirror: str
    suite: str


def base_name(python: machine.Python) -> str:
    """The name that the Dockerfile calls it by."""
    return f"docker.io/library/python:{python.version}-slim"


def make_base(engine: Engine, sources: Sources) -> None:
    """Makes an image that takes the place of the official one of Python, which no registry gives here.

    The smallest system of the machine's own release, the packages that its Python needs, and that Python
    without packages.
    """
    python, root = sources.python, engine.folder / "base"
    packages = ["ca-certificates", "netbase", "tzdata", *python.packages()]
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={','.join(packages)}",
        sources.suite,
        str(root),
    ]
    _logged(engine, [*command, *([sources.mirror] if sources.mirror else [])], "debootstrap")
    local = root / "usr/local"
    shutil.copy2(python.binary, local / "bin")
    (local / "lib" / python.library.name).mkdir()
    pack = f"tar -C '{python.library}' {' '.join(_SMALLER)} -cf - ."
    _logged(engine, ["sh", "-c", f"{pack} | tar -C '{local}/lib/{python.library.name}' -xf -"], "tar")
    for library in python.prefix.glob("lib/libpython*.so*"):
        shutil.copy2(library, local / "lib", follow_symlinks=False)
    for link in ("python3", "python"):
        (local / "bin" / link).symlink_to(python.binary.name)
    if sources.certificates is not None:
        shutil.copyfile(sources.certificates, root / _BUNDLE.lstrip("/"))
    for inside in (
        ["ldconfig"],
        ["/usr/local/bin/python", "-m", "ensurepip"],
        ["ln", "-sf", "pip3", "/usr/local/bin/pip"],
    ):
        _logged(engine, ["chroot", str(root), *inside], inside[0].rpartition("/")[2])
    archive = engine.folder / "base.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    shutil.rmtree(root)
    changes = ["--change", f"ENV PATH={_PATH}", "--change", "ENV LANG=C.UTF-8", "--change", 'CMD ["python3"]']
    engine.podman("import", *changes, str(archive), base_name(python), seconds=600)
    archive.unlink()


def make_state(engine: Engine, python: machine.Python) -> None:
    """Makes the image of what other projects make: Redis and Prometheus, from the release's packages."""
    start_nothing = r"printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d"
    install = (
        "apt-get install -qq --no-install-recommends redis-server prometheus >/dev/null && apt-get clean"
    )
    get = f"apt-get update -qq && DEBIAN_FRONTEND=noninteractive {install}"
    engine.build(STATE, f"FROM {base_name(python)}\nRUN {start_nothing} && {get}\n")


def build_before(engine: Engine, sources: Sources, commit: str, *, baked: bool) -> None:
    """Builds the image of a commit of this repository."""
    folder = engine.folder / "before"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True
    ).stdout
    subprocess.run(["tar", "-C", str(folder), "-xf", "-"], input=archive, check=True)
    build_platform(engine, sources, baked=baked, source=folder, name=BEFORE)
    shutil.rmtree(folder)


def build_platform(
    engine: Engine, sources: Sources, *, baked: bool, source: Path = ROOT, name: str = PLATFORM
) -> None:
    """Builds the Dockerfile as it is, with pip's settings and the certificates of this machine mounted."""
    settings = machine.pip_settings()
    conf = engine.folder / "pip.conf"
    conf.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    mounts = {conf: Path("/etc/pip.conf")} | {path: path for path in machine.paths_in(settings)}
    if sources.certificates is not None:
        mounts[sources.certificates] = Path(_BUNDLE)
    engine.shown(
        "build",
        "--format=docker",  # the other format has no health checks
        "--network=host",
        "--pull=never",
        *(f"--volume={there}:{inside}:ro" for there, inside in mounts.items()),
        f"--build-arg=PYTHON={sources.python.version}",
        f"--build-arg=WEIGHTS={'baked' if baked else 'volume'}",
        f"--tag={name}",
        str(source),
    )


def described(engine: Engine) -> Mapping[str, str | float]:
    """The platform's image: size, user, health check, packages that must not be in it."""
    [said] = json.loads(engine.podman("image", "inspect", PLATFORM))
    torch = engine.podman(
        "run", "--rm", "--network=none", "--entrypoint=/opt/tieback/bin/python", PLATFORM,
        "-c", "import importlib.util as u; print([n for n in ('torch', 'transformers') if u.find_spec(n)])",
    )  # fmt: skip
    return {
        "gigabytes": round(said["Size"] / 1e9, 2),
        "layers": len(said["RootFS"]["Layers"]),
        "user": said["User"],
        "has a health check": "yes" if said.get("HealthCheck") or said.get("Healthcheck") else "no",
        "packages for training": torch,
    }


def _logged(engine: Engine, command: list[str], name: str) -> None:
    log = engine.folder / f"{name}.log"
    with log.open("w") as out:
        done = subprocess.run(
            ["nice", "-n", "10", *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{name}: {' | '.join(log.read_text().splitlines()[-5:])}")
