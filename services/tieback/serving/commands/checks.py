"""The checks of `tieback doctor`. A check yields findings; a fault has a remedy."""

from __future__ import annotations

import asyncio
import enum
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import TYPE_CHECKING

from tieback_client.client import Client
from tieback_client.errors import TiebackError as CallError
from tieback_client.errors import Unauthenticated, Unavailable
from tieback_client.installing import GPU_BUILD, how_to_install
from tieback_client.values.catalog import Health, ServerInfo

if TYPE_CHECKING:
    from tieback_contract.vectors import SpaceRef

    from tieback.catalog.card import Card

GIGABYTE = 1024**3
# Resident memory with the whole default catalog loaded in one process, with room to work.
MEMORY_NEEDED = 1.5 * GIGABYTE
DISK_NEEDED = 1 * GIGABYTE
SETTINGS = "settings"
OLDEST, NEWEST = (3, 11), (3, 13)


class State(enum.StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    name: str
    state: State
    found: str
    advice: str = ""


def python() -> Iterator[Finding]:
    """The interpreter's version."""
    found = ".".join(map(str, sys.version_info[:3]))
    good = OLDEST <= sys.version_info[:2] <= NEWEST
    advice = f"use Python {'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
    yield Finding("Python", State.GOOD if good else State.BAD, found, "" if good else advice)


def packages() -> Iterator[Finding]:
    """Whether what the server needs is installed, in versions that it allows."""
    from packaging.requirements import Requirement

    wanted = [Requirement(one) for one in distribution("tieback").requires or ()]
    lacking = []
    for one in wanted:
        if one.name == "onnxruntime" or not (one.marker is None or one.marker.evaluate({"extra": ""})):
            continue  # the runtime is examined by itself: a GPU has another build of it
        try:
            found = version(one.name)
        except PackageNotFoundError:
            lacking.append(f"{one.name} is missing")
        else:
            if not one.specifier.contains(found, prereleases=True):
                lacking.append(f"{one.name} is {found}, not {one.specifier}")
    if lacking:
        yield Finding("packages", State.BAD, "; ".join(lacking), how_to_install())
    else:
        yield Finding("packages", State.GOOD, f"tieback {version('tieback')} with all that a server needs")


def settings() -> Iterator[Finding]:
    """What is wrong with the settings; nothing where they can be read."""
    from tieback.core.errors import StartupError
    from tieback.serving.settings import load_settings

    try:
        load_settings()
    except StartupError as error:
        yield Finding(
            SETTINGS, State.BAD, error.message, "correct or unset what it names, and run this again"
        )


def runtime() -> Iterator[Finding]:
    """ONNX Runtime: one of its two builds, and the one that the settings want."""
    from tieback.serving.settings import load_settings

    builds = [name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)]
    if len(builds) == 2:
        advice = f"pip uninstall onnxruntime onnxruntime-gpu, then: pip install onnxruntime, or {GPU_BUILD}"
        yield Finding("ONNX Runtime", State.BAD, "both builds are installed and overwrite each other", advice)
    elif not builds:
        yield Finding("ONNX Runtime", State.BAD, "it is not installed", "pip install onnxruntime")
    elif load_settings().provider == "cuda" and builds == ["onnxruntime"]:
        advice = f"pip uninstall onnxruntime, then: pip install {GPU_BUILD}; or unset TIEBACK_PROVIDER"
        yield Finding(
            "ONNX Runtime", State.BAD, "TIEBACK_PROVIDER is cuda, and this build has no CUDA", advice
        )
    else:
        yield Finding("ONNX Runtime", State.GOOD, f"{builds[0]} {version(builds[0])}")


def models() -> Iterator[Finding]:
    """Whether every model to be served is in the store, each file as it was written."""
    from tieback.core.errors import StartupError
    from tieback.serving.plan import Plan
    from tieback.serving.plan.assembly import open_store
    from tieback.serving.settings import load_settings

    try:
        settings = load_settings()
        plan, store = Plan(settings), open_store(settings)
    except StartupError as error:
        yield Finding("models", State.BAD, error.message, "correct the settings or cards that it names")
        return
    cards: list[Card] = [*plan.encoders, *plan.rerankers, *plan.checkers, *plan.text_classifiers]
    cards += [plan.generator] if plan.generator is not None else []
    good = []
    for card in cards:
        pull = f"tieback models pull {card.name}"
        faults = store.faults(card) if store.is_ready(card) else []
        if not store.is_ready(card):
            yield Finding("model", State.BAD, f"{card.name} is not in the store at {store.root}", pull)
        elif faults:
            path, fault = faults[0]
            yield Finding("model", State.BAD, f"{card.name}: {path.name} {fault}", pull)
        else:
            good.append(card.name)
    if good:
        yield Finding("models", State.GOOD, f"{', '.join(good)} in {store.root}")


def endpoint() -> Iterator[Finding]:
    """Findings on whether the endpoints of models answer; nothing where there are none."""
    from tieback.core.errors import StartupError
    from tieback.serving.metrics.endpoint_watch import endpoint_of
    from tieback.serving.plan import Plan
    from tieback.serving.plan.assembly import open_store
    from tieback.serving.settings import load_settings

    try:
        settings = load_settings()
        cards = Plan(settings).endpoints
    except StartupError:
        return  # the check of models reports it
    store = open_store(settings)

    async def probed(card: Card) -> str:
        model = endpoint_of(card, store)
        try:
            return await model.probe()
        finally:
            await model.close()

    for card in cards:
        try:
            yield _endpoint(card.name, asyncio.run(probed(card)), card.role)
        except StartupError as error:
            yield Finding("endpoint", State.BAD, error.message, "correct the card, or what it names")


def _endpoint(name: str, fault: str, role: str = "") -> Finding:
    if not fault:
        return Finding("endpoint", State.GOOD, f"{name} answers")
    meanwhile = {"encoder": "; searches go by words meanwhile", "generator": "; answers are quoted meanwhile"}
    advice = "start it, or correct base_url, model or token of its card" + meanwhile.get(role, "")
    return Finding("endpoint", State.BAD, fault, advice)


def joint_space() -> Iterator[Finding]:
    """Whether the bindings that join the spaces are there."""
    from tieback.core.errors import TiebackError
    from tieback.serving.plan import Plan
    from tieback.serving.plan.assembly import build_router
    from tieback.serving.settings import load_settings

    try:
        settings = load_settings()
        plan = Plan(settings)
        if not plan.joins:
            yield Finding("joint space", State.GOOD, "none: there is one encoder, or none that can be joined")
            return
        space = build_router(settings, plan).space
    except TiebackError as error:
        yield Finding("joint space", State.BAD, error.message, "tieback models pull")
        return
    how = f"bound by {space.binding}" if space.binding else "pictures and sounds by their classes' names"
    told = f"{space.width} wide, {space.ref}, {how}"
    if space.binding or settings.binding:
        yield Finding("joint space", State.GOOD, told)
    else:
        yield Finding("joint space", State.WARNING, told, "tieback models pull makes a binding")


def store() -> Iterator[Finding]:
    """Whether the index has a place to write to, with room."""
    from tieback.serving.settings import load_settings

    place = load_settings().store.expanduser().absolute()
    there = next(one for one in (place, *place.parents) if one.exists())
    free = shutil.disk_usage(there).free
    room = f"{place}, {free / GIGABYTE:.1f} GB free"
    if not there.is_dir() or not os.access(there, os.W_OK):
        advice = "make it writable, or set TIEBACK_STORE to another folder"
        yield Finding("store", State.BAD, f"{place} cannot be written", advice)
    elif free < DISK_NEEDED:
        yield Finding("store", State.WARNING, room, "make room, or set TIEBACK_STORE to another disk")
    else:
        yield Finding("store", State.GOOD, room)
    if place.is_dir():
        yield from _collections(place)


def _collections(place: Path) -> Iterator[Finding]:
    from tieback.core.errors import StartupError
    from tieback.index.store.inspection import damaged_collections, spaces_of_collections

    try:
        damaged = damaged_collections(place)
        spaces = spaces_of_collections(place)
    except StartupError:
        advice = "`tieback doctor --server ADDRESS` asks it for their state"
        yield Finding("collections", State.SKIPPED, "a server has the store open", advice)
        return
    yield from _stale(spaces)
    for name in damaged:
        advice = (
            f"restore {place / 'collections' / name}.lance from a backup, or start the server, read what is "
            f"left, `tieback collections delete {name}` and index again; the others are not touched by either"
        )
        yield Finding("collection", State.BAD, f"{name}: files are damaged or missing", advice)
    if not damaged:
        yield Finding("collections", State.GOOD, "every row can be read")


def _stale(spaces: Mapping[str, SpaceRef]) -> Iterator[Finding]:
    from tieback.core.errors import TiebackError
    from tieback.serving.plan import Plan
    from tieback.serving.plan.retired import RetiredCards
    from tieback.serving.settings import load_settings

    try:
        settings = load_settings()
        plan = Plan(settings)
        retired = RetiredCards(settings, plan.encoders)
        served = {space.name: space for space in plan.spaces}
    except TiebackError:
        return  # other checks report it
    for name, space in spaces.items():
        now = served.get(space.name)
        if now is not None and now != space:
            own = retired.has(space)
            how = "its own revision in one process, with Ray by words alone" if own else "words alone"
            yield Finding(
                "collection",
                State.WARNING,
                f"{name}: its vectors are of {space} (fingerprint {space.fingerprint}), and {now} "
                f"(fingerprint {now.fingerprint}) is served: it is read only, and searched by {how}",
                f"start the server, then: tieback reindex {name.rpartition('/')[2]}",
            )


def machine() -> Iterator[Finding]:
    """Memory and cores."""
    memory = _free_memory()
    if memory is not None:
        found = f"{memory / GIGABYTE:.1f} GB free"
        needed = (
            f"all models take about {MEMORY_NEEDED / GIGABYTE:.1f} GB; TIEBACK_SPACES serves fewer of them"
        )
        short = memory < MEMORY_NEEDED
        yield Finding("memory", State.WARNING if short else State.GOOD, found, needed if short else "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    advice = "" if cores > 1 else "it works, slowly: models compute on one thread each"
    yield Finding("cores", State.GOOD if cores > 1 else State.WARNING, str(cores), advice)


def server(address: str | None, *, token: str | None, ca: Path | None) -> Iterator[Finding]:
    """A running server, its version and its services; if none runs, whether the ports are free."""
    from tieback.serving.settings import load_settings

    settings = load_settings()
    given = address is not None
    address = address or f"localhost:{settings.port}"
    with Client(address, token=token, ca=ca, timeout=3, connect_timeout=0.5, retry=None) as client:
        try:
            health, info = client.health(), client.server_info()
        except Unauthenticated as error:
            yield Finding(
                "server", State.BAD, f"{address}: {error.message}", "pass --token, or TIEBACK_TOKEN"
            )
        except Unavailable:
            if given:
                advice = "start it with `tieback serve --local`, or pass --ca if it speaks TLS"
                yield Finding("server", State.BAD, f"none answers at {address}", advice)
            else:
                yield Finding("server", State.SKIPPED, f"none runs at {address}")
                yield from _ports(
                    settings.host, {"port": settings.port, "metrics-port": settings.metrics_port}
                )
        except CallError as error:
            advice = f"something else may listen there; stop it, or choose another port than {settings.port}"
            yield Finding(
                "server", State.BAD, f"{address} does not answer as tieback does: {error.message}", advice
            )
        else:
            yield from _running(address, health, info)
            yield from _stored(client)


def _running(address: str, health: Health, info: ServerInfo) -> Iterator[Finding]:
    waiting = [one.name for one in info.services if not one.ready and not one.detail]
    if waiting or health is not Health.SERVING:
        advice = "wait until it is ready; if that does not come, its log says why"
        what = ", ".join(waiting) or "the server as a whole"
        yield Finding("server", State.BAD, f"{address} runs, and not ready: {what}", advice)
    else:
        yield Finding(
            "server", State.GOOD, f"{address} is ready, with all its services ({len(info.services)})"
        )
    yield from (_endpoint(one.name, one.detail) for one in info.services if one.detail)
    here = version("tieback")
    if info.version != here:
        advice = f"install version {info.version} here, or {here} at the server"
        yield Finding("version", State.WARNING, f"the server is {info.version}, this is {here}", advice)
    else:
        yield Finding("version", State.GOOD, f"{here}, here and there")


def _stored(client: Client) -> Iterator[Finding]:
    """The faults that a running server reports of the collections that the caller may see."""
    try:
        found = list(client.collections())
    except CallError as error:
        yield Finding("collections", State.WARNING, f"the server does not list them: {error.message}")
        return
    for one in found:
        if one.damage:
            yield Finding("collection", State.BAD, f"{one.name}: {one.damage}")
        elif one.stale:
            advice = f"tieback reindex {one.name}"
            yield Finding("collection", State.WARNING, f"{one.name}: {one.stale}", advice)
    if not any(one.damage or one.stale for one in found):
        yield Finding("collections", State.GOOD, f"{len(found)} served, none damaged or stale")


def _ports(host: str, ports: dict[str, int | None]) -> Iterator[Finding]:
    for option, port in ports.items():
        if not port:
            continue
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                advice = f"stop what listens there, or serve with --{option} and another"
                yield Finding(option, State.BAD, f"{host}:{port}: {error.strerror}", advice)
            else:
                yield Finding(option, State.GOOD, f"{host}:{port} is free")


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _free_memory() -> int | None:
    """Bytes that are free for new programs; None if the system does not report it."""
    from tieback.serving.processes.memory import memory_limit

    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    facts = dict(line.split(":", 1) for line in lines)
    available = int(facts.get("MemAvailable", "0").split()[0]) * 1024
    limit = memory_limit()
    return available if limit is None else min(available, limit.limit - limit.used)
