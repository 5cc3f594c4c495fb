"""Events under load: each is a row, of the calls that ran meanwhile and the writes that are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from benchmarks.progress import log
from benchmarks.report import Row
from containers.load import KEPT_WRITES, Calls

QUIET = 8.0
"""Seconds that the load goes on after an event is over and calls of every kind have been answered again."""
PATIENCE = 60.0
"""Seconds that an answer of every kind is waited for."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens. `act` returns when the platform is whole again.

    `single` says that there is one of what is lost, so that calls wait until it is back. Calls that `need`
    something that is no part of the platform can be answered from the time on that `act` returns.
    """

    name: str
    act: Callable[[], float | None]
    single: bool = False
    need: Collection[str] = ()


@dataclass
class Findings:
    """Rows of all events, with those of each kind of call, and why calls failed."""

    events: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    errors: list[Row] = field(default_factory=list)
    facts: list[Row] = field(default_factory=list)
    only: Collection[str] = ()
    """Parts of names of the events that are to happen; none for all."""

    def fact(self, step: str, name: str, value: object) -> None:
        """Adds something that was found once."""
        log(f"{step}: {name}: {value}")
        self.facts.append({"step": step, "what": name, "found": value})


def under_load(step: str, calls: Calls, events: Sequence[Event], findings: Findings) -> None:
    """Lets the events happen one after the other, while the callers go on."""
    with calls.running():
        for event in (Event("nothing", _nothing), *events):
            if not findings.only or any(part in event.name for part in findings.only):
                _happen(step, calls, event, findings)


def _nothing() -> None:
    time.sleep(QUIET)


def _happen(step: str, calls: Calls, event: Event, findings: Findings) -> None:
    log(f"{step}: {event.name}")
    before, begun, note, back = len(calls.acknowledged), time.monotonic(), "", None
    try:
        back = event.act()
    except Exception as error:  # noqa: BLE001 - the events that follow may still be tried
        log(f"  {error}")
        note = f"{type(error).__name__}: {error}".partition("; ")[0]  # behind it are logs
    whole = time.monotonic()
    while calls.unanswered(whole) and time.monotonic() < whole + PATIENCE:
        time.sleep(0.2)
    time.sleep(QUIET)
    ended = time.monotonic()
    rows, errors = calls.during(begun, ended, {} if back is None else dict.fromkeys(event.need, back))
    acknowledged = calls.acknowledged[:]
    try:
        kept = len(set(acknowledged) & calls.there())
    except Exception as error:  # noqa: BLE001 - a platform that does not answer keeps nothing that one can see
        kept, note = 0, f"{note} {type(error).__name__}: {error}".strip()
    longest = max(rows, key=lambda row: float(row["silence_s"]))
    row = {
        "step": step,
        "event": event.name,
        "calls": sum(int(row["calls"]) for row in rows),
        "failed": sum(int(row["failed"]) for row in rows),
        "longest_gap_s": longest["silence_s"],
        "of": longest["call"],
        "retrieval_gap_s": next(float(row["silence_s"]) for row in rows if row["call"] == "Retrieve"),
        "writes_gap_s": next(float(row["silence_s"]) for row in rows if row["call"] == KEPT_WRITES),
        "back_after_s": None if back is None else back - begun,
        "whole_after_s": whole - begun,
        "acknowledged": len(acknowledged) - before,
        "acknowledged_so_far": len(acknowledged),
        "kept": kept,
        "single": event.single,
        "note": note,
    }
    findings.events.append(row)
    findings.calls += [{"step": step, "event": event.name, **one} for one in rows]
    findings.errors += [{"step": step, "event": event.name, **one} for one in errors]
    log(
        "  "
        + ", ".join(
            f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in row.items()
            if value not in ("", None)
        )
    )
