"""Attacks a running server as a stranger would, through the wire alone, and says what it cost others.

For each attack: how much the server's resident memory grew at its peak and for good, the longest that a
Health.Check on another connection took while it went on, how its calls ended and when, and how long small
good calls of another caller took. Beside them stands what the same took without an attack in the seconds
before, and claims are on what comes on top of that: on a busy machine, the watching side waits for a
processor too.

The server is `tieback serve --local` with the default spaces and the generator, on loopback. A new one is
started where an attack needs other settings, and where one has been left in a bad state.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import pkgutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.attack.attack import Attack, PreparationError, Scene
from benchmarks.attack.measure import Measured, measure, warm_up
from benchmarks.attack.watch import HEALTH
from benchmarks.report import Report
from benchmarks.served import Served, StartError, served
from benchmarks.tenants import token_of, write_tokens

GROWTH_MB, FREEZE_MS = 64.0, 100.0
LASTING_MB = 64.0
"""A server that has kept so much memory since its start would hide what the next attack takes."""

ATTACKER, GOOD = "attacker", "good"


def found() -> dict[str, Attack]:
    """All attacks by name: those of the modules of this folder."""
    modules = [
        importlib.import_module(f"benchmarks.attack.{info.name}") for info in pkgutil.iter_modules(__path__)
    ]
    return {attack.name: attack for module in modules for attack in getattr(module, "ATTACKS", ())}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = sorted(found())
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="NAME", help=f"only these of: {', '.join(names)}"
    )


def run(options: argparse.Namespace) -> Report:
    attacks = [attack for name, attack in found().items() if not options.only or name in options.only]
    return attacked(attacks)


def attacked(attacks: Sequence[Attack], spaces: Sequence[str] = (), seconds_before: float = 2.0) -> Report:
    """Carries out the attacks one after another, and reports what each of them cost."""
    report = Report()
    rows: list[Measured] = []
    left = sorted(attacks, key=lambda attack: attack.tokens)
    try:
        while left:
            with _server(left[0], spaces) as (server, scene):
                rows += _while_good(server, scene, left, seconds_before, report)
    except StartError as error:
        report.claim("the server starts", 0.0, "", ">= 1", note=str(error))
    report.table("attacks", [row.row() for row in rows])
    report.table("how calls ended", [row for one in rows for row in one.endings()])
    for row in rows:
        _claim(report, row)
    return report


@contextlib.contextmanager
def _server(attack: Attack, spaces: Sequence[str]) -> Iterator[tuple[Served, Scene]]:
    """A server with the settings that the attack needs. It is killed at the end: it may be past listening."""
    with tempfile.TemporaryDirectory() as folder:
        settings = dict(attack.settings)
        if attack.tokens:
            settings["TIEBACK_TOKENS"] = str(write_tokens(Path(folder) / "tokens", (ATTACKER, GOOD)))
        with served(local=True, spaces=spaces, settings=settings) as server:
            token = token_of(GOOD) if attack.tokens else ""
            try:
                yield server, Scene(server.address, server.metrics_address, server.pid, token)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(server.pid, signal.SIGKILL)


def _while_good(
    server: Served, scene: Scene, left: list[Attack], seconds_before: float, report: Report
) -> list[Measured]:
    """Carries out attacks, and takes them off the list, for as long as the server is as good as new."""
    first = left[0]

    async def all_of_them() -> list[Measured]:
        rows: list[Measured] = []
        await warm_up(scene)
        fresh = server.resident_bytes()
        while left and (left[0].settings, left[0].tokens) == (first.settings, first.tokens):
            attack = left.pop(0)
            print(f"{attack.name}: {attack.summary}", file=sys.stderr, flush=True)
            try:
                rows.append(await measure(attack, scene, seconds_before))
            except PreparationError as error:
                note = f"what it needs could not be made: {error}"
                report.claim(f"{attack.name}: attacked", None, "", ">= 1", note=note)
                continue
            print(f"    {rows[-1].short()}", file=sys.stderr, flush=True)
            if rows[-1].spoilt or server.resident_bytes() - fresh > LASTING_MB * 1e6:
                break
        return rows

    return asyncio.run(all_of_them())


def _claim(report: Report, row: Measured) -> None:
    name = row.attack.name
    report.claim(f"{name}: resident memory grows by", row.peak_mb, "MB", f"<= {GROWTH_MB:g}", note=row.spoilt)
    report.claim(
        f"{name}: longest {HEALTH} check, over that without an attack",
        row.freeze_ms,
        "ms",
        f"<= {FREEZE_MS:g}",
        note=f"{row.health_ms:.0f} ms, and {row.health_before_ms:.0f} ms before",
    )
    report.claim(
        f"{name}: calls that did not end as they should", float(len(row.wrong)), "", "<= 0", note=row.why
    )
    if row.attack.good_seconds is not None:
        report.claim(
            f"{name}: longest good call of another, over that without an attack",
            row.good_excess_seconds,
            "s",
            f"<= {row.attack.good_seconds:g}",
        )
