"""The memory that a container may use, by its control group, and the least that the platform needs to start.

A start with too little goes on for ever otherwise: the kernel ends replicas, and Ray Serve starts them again.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tieback.core.errors import StartupError

if TYPE_CHECKING:
    from tieback.serving.plan import Plan
    from tieback.serving.settings import Settings

GIGABYTE = 1024**3
GROUPS = Path("/sys/fs/cgroup")
"""Where the kernel shows control groups."""
_NO_LIMIT = 1 << 60  # version 1 writes a number of pages that no machine has
# Less than was measured, so that nothing is refused that could start: of one process 0.88 GB and of Ray Serve
# 2.8 GB with the default models after use (benchmarks/results/footprint.json).
_PROCESS_BYTES = GIGABYTE * 3 // 10
_RAY_BYTES = GIGABYTE // 2
_REPLICA_BYTES = 86 << 20
_FULL = 0.95
_FULL_SECONDS = 20.0
_MOST_KILLED = 1
_SHARE_OF_A_TEXT = 0.25  # models compute beside one another


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """Bytes that processes may use, and that they use without what is only kept of files."""

    limit: int
    used: int


def memory_limit() -> MemoryLimit | None:
    """The limit of this process's control group, of version 2 or 1; None where there is none."""
    for name, stat, used in (
        ("memory.max", "memory.stat", ("anon", "shmem")),
        ("memory/memory.limit_in_bytes", "memory/memory.stat", ("total_rss", "total_shmem")),
    ):
        try:
            limit, facts = int((GROUPS / name).read_text()), _facts(GROUPS / stat)
        except (OSError, ValueError):  # the other version, or "max"
            continue
        if limit < _NO_LIMIT:
            return MemoryLimit(limit, sum(facts.get(one, 0) for one in used))
    return None


def working_bytes() -> int:
    """Bytes that one text may take while it is computed: a quarter of the limit, or of the machine's."""
    found = memory_limit()
    whole = found.limit if found else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(whole * _SHARE_OF_A_TEXT)


def killed_processes() -> int:
    """The number of the control group's processes that the kernel ended for their memory, if it says so."""
    for name in ("memory.events", "memory/memory.oom_control"):
        try:
            return _facts(GROUPS / name).get("oom_kill", 0)
        except (OSError, ValueError):
            continue
    return 0


def least_memory(settings: Settings, *, on_ray: bool) -> int:
    """Bytes without which the services of these settings cannot start."""
    from tieback.serving.plan import Plan
    from tieback.serving.processes.services import SERVICES

    plan = Plan(settings)
    weights = _smallest_weights(settings, plan)
    if not on_ray:
        return _PROCESS_BYTES + sum(dict(weights).values())
    replicas = 1 + sum(len(one.own_deployments(plan)) for one in SERVICES)
    return _RAY_BYTES + replicas * _REPLICA_BYTES + sum(size for _, size in weights)


def check_memory(settings: Settings, *, on_ray: bool) -> None:
    """StartupError where the limit is below what is needed at least."""
    found, least = memory_limit(), least_memory(settings, on_ray=on_ray)
    if found is not None and found.limit < least:
        raise StartupError(_too_little(settings, found, least, on_ray=on_ray))


class MemoryWatch:
    """Notices while services start on Ray that they cannot, for want of memory."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._killed_before = killed_processes()
        self._full_since: float | None = None

    def check(self) -> None:
        """StartupError where the kernel ended processes again and again, or all memory is used for long."""
        found = memory_limit()
        if found is None:
            return
        now = time.monotonic()
        if found.used < _FULL * found.limit:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        killed = killed_processes() - self._killed_before
        is_full = self._full_since is not None and now - self._full_since > _FULL_SECONDS
        if killed > _MOST_KILLED or is_full:
            why = f"; the kernel ended {killed} processes for it" if killed else ""
            least = max(least_memory(self._settings, on_ray=True), found.limit)
            raise StartupError(f"{_too_little(self._settings, found, least, on_ray=True)}{why}")


def _too_little(settings: Settings, found: MemoryLimit, least: int, *, on_ray: bool) -> str:
    where = "on Ray Serve" if on_ray else "in one process"
    more = "serve fewer models (--spaces, --generator none)"
    if on_ray:
        local = least_memory(settings, on_ray=False) / GIGABYTE
        more += f", or serve in one process (--local), which needs about {local:.1f} GB"
    return (
        f"the memory limit of this container is {found.limit / GIGABYTE:.1f} GB, and these services need "
        f"more than {least / GIGABYTE:.1f} GB {where}: raise it (docker run --memory, mem_limit of Compose, "
        f"resources.limits.memory of a pod), {more}"
    )


def _smallest_weights(settings: Settings, plan: Plan) -> list[tuple[tuple[str, ...], int]]:
    """Of each model the hashes and the bytes of its smallest graph, with the weights that lie beside it.

    One process has graphs of the same hashes once in memory; on Ray each model has a process of its own.
    """
    from tieback.serving.plan.assembly import open_store

    store, found = open_store(settings), []
    for card in (*plan.encoders, *([plan.generator] if plan.generator is not None else [])):
        manifest = store.manifest(card)
        served = manifest.served if manifest else {}
        data = {name: file for name, file in served.items() if name.endswith(".onnx.data")}
        graphs = {name: file for name, file in served.items() if name.endswith(".onnx")}
        if smallest := min(graphs.values(), key=lambda file: file.size, default=None):
            kept = (smallest, *data.values())
            found.append((tuple(file.sha256 for file in kept), sum(file.size for file in kept)))
    return found


def _facts(file: Path) -> dict[str, int]:
    return {key: int(number) for key, number in (line.split() for line in file.read_text().splitlines())}
