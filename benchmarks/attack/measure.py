"""One attack, with what others see of the server before it, while it goes on, and after."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import psutil

from benchmarks.attack import good
from benchmarks.attack.attack import FAULT, GOOD_COLLECTION, Attack, Outcome, Scene, made
from benchmarks.attack.indexing import make_collection, upsert
from benchmarks.attack.watch import GOOD, HEALTH, MEMORY, Watch

SETTLE_SECONDS, BACK_SECONDS = 1.5, 15.0
MOST_BYTES = 5_000_000_000
"""The server is killed when it takes more: the machine is not the attack's aim."""

SHORT = 160
NUMBER = re.compile(r"[0-9]+(?:[.][0-9]+)?")


@dataclass(frozen=True)
class Measured:
    """Cost of an attack."""

    attack: Attack
    outcomes: Sequence[Outcome]
    seconds: float
    peak_mb: float
    lasting_mb: float
    health_ms: float
    health_before_ms: float
    good_seconds: float
    good_before_seconds: float
    good_calls: int
    good_failed: int
    spoilt: str = ""

    @property
    def freeze_ms(self) -> float:
        """By how much the longest Health.Check was longer than the longest before the attack."""
        return max(0.0, self.health_ms - self.health_before_ms)

    @property
    def good_excess_seconds(self) -> float:
        """By how much the longest good call was longer than the longest before the attack."""
        return max(0.0, self.good_seconds - self.good_before_seconds)

    @property
    def wrong(self) -> Sequence[str]:
        """Calls that did not end as they should."""
        return [f"{one.code}: {one.message[:SHORT]}" for one in self.attack.wrong(self.outcomes)]

    @property
    def why(self) -> str:
        """The commonest of what went wrong, or of what was said."""
        said = Counter(self.wrong) or Counter(f"{one.code}: {one.message[:SHORT]}" for one in self.outcomes)
        return said.most_common(1)[0][0] if said else ""

    def short(self) -> str:
        """For the one who waits."""
        return (
            f"{self.peak_mb:.0f} MB ({self.lasting_mb:.0f} for good), health {self.health_ms:.0f} ms "
            f"({self.health_before_ms:.0f} before), good {self.good_seconds:.1f} s "
            f"({self.good_before_seconds:.1f} before, {self.good_failed} of {self.good_calls} failed), "
            f"{self.seconds:.1f} s; {len(self.wrong)} wrong; {self.why} {self.spoilt}"
        )

    def row(self) -> Mapping[str, Any]:
        """For the table."""
        return {
            "attack": self.attack.name,
            "seconds": self.seconds,
            "peak MB": self.peak_mb,
            "lasting MB": self.lasting_mb,
            "health ms": self.health_ms,
            "health before ms": self.health_before_ms,
            "good call": self.attack.good,
            "good s": self.good_seconds,
            "good before s": self.good_before_seconds,
            "good calls": self.good_calls,
            "good failed": self.good_failed,
            "wrong": len(self.wrong),
            "server": self.spoilt or "goes on",
        }

    def endings(self) -> Sequence[Mapping[str, Any]]:
        """Counts of calls that ended alike, and the first and last of them."""
        alike: dict[tuple[str, str], list[Outcome]] = {}  # messages that differ in their numbers are alike
        for one in self.outcomes:
            alike.setdefault((one.code, NUMBER.sub("0", one.message)), []).append(one)
        return [
            {
                "attack": self.attack.name,
                "calls": len(outcomes),
                "code": outcomes[0].code,
                "first s": min(one.seconds for one in outcomes),
                "last s": max(one.seconds for one in outcomes),
                "message": outcomes[0].message[:SHORT],
            }
            for outcomes in alike.values()
        ]


async def warm_up(scene: Scene) -> None:
    """A few good calls of every kind, since a server's first of each takes memory and time once."""
    await make_collection(scene, GOOD_COLLECTION)
    await make_collection(scene, "filtered")
    made(await upsert(scene, GOOD_COLLECTION, [good.item(f"item-{place}") for place in range(10)]))
    await asyncio.to_thread(_warm_up, scene)


def _warm_up(scene: Scene) -> None:
    with grpc.insecure_channel(scene.address) as channel:
        for make in good.KINDS.values():
            call = make(channel, scene.metadata)
            for _ in range(5):
                with contextlib.suppress(grpc.RpcError):  # a server without a generator, say
                    call(30.0)


async def measure(attack: Attack, scene: Scene, seconds_before: float) -> Measured:
    """Carries out the attack on the server."""
    if attack.prepare is not None:
        await attack.prepare(scene)
    watching = ([HEALTH, scene.address, str(scene.pid)], [attack.good, scene.address, scene.token])
    with Watch(watching) as watch:
        await _until(watch, GOOD, BACK_SECONDS)
        early = time.monotonic()
        await asyncio.sleep(seconds_before)
        begin = time.monotonic()
        resident = _resident(watch)
        outcomes, spoilt = await _strike(attack, scene, watch)
        over = time.monotonic()
        if not spoilt and not await _back(watch, HEALTH, over):
            spoilt = f"gave no sign of life for {BACK_SECONDS:g} s"
        if not spoilt and not await _back(watch, GOOD, over):
            spoilt = f"answered no good call for {BACK_SECONDS:g} s"
        await asyncio.sleep(SETTLE_SECONDS)
        end = time.monotonic()
        before, during = watch.of(HEALTH, early, begin), watch.of(HEALTH, begin, end)
        frozen = end - max((one.end for one in during), default=begin)  # the check that is not back yet
        calls = watch.of(GOOD, begin, end)
        waiting = end - max((one.end for one in calls), default=begin)
        peak = max((one.value for one in watch.of(MEMORY, begin, end)), default=resident)
        return Measured(
            attack,
            outcomes,
            over - begin,
            max(0.0, peak - resident) / 1e6,
            (_resident(watch) - resident) / 1e6,
            1e3 * max([frozen, *(one.value for one in during)]),
            1e3 * max((one.value for one in before), default=0.0),
            max([waiting, *(one.value for one in calls)]),
            max((one.value for one in watch.of(GOOD, early, begin)), default=0.0),
            len(calls),
            sum(one.code != "OK" for one in calls),
            spoilt,
        )


async def _strike(attack: Attack, scene: Scene, watch: Watch) -> tuple[Sequence[Outcome], str]:
    """The attack's outcomes, and what became of the server where it did not stand it."""

    server = psutil.Process(scene.pid)

    async def guard() -> str:
        while True:
            await asyncio.sleep(0.05)
            if _resident(watch) > MOST_BYTES:
                os.kill(scene.pid, signal.SIGKILL)
                return f"killed at {_resident(watch) / 1e9:.1f} GB"
            if server.status() == psutil.STATUS_ZOMBIE:
                return "ended"

    struck = asyncio.ensure_future(attack.strike(scene))
    guarded = asyncio.ensure_future(guard())
    done, _ = await asyncio.wait(
        {struck, guarded}, timeout=attack.seconds, return_when=asyncio.FIRST_COMPLETED
    )
    guarded.cancel()
    if struck in done:
        failed = struck.exception()
        return ([Outcome(FAULT, repr(failed), 0.0)] if failed else struck.result()), ""
    struck.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await struck
    if guarded in done:
        return [], guarded.result()
    return [Outcome("NONE", "no end within the attack's time", attack.seconds)], ""


async def _back(watch: Watch, what: str, since: float) -> bool:
    """Waits until a call that began after `since` is answered well; False where none is in time."""
    end = time.monotonic() + BACK_SECONDS
    while time.monotonic() < end:
        last = watch.last(what)
        if last is not None and last.at >= since and last.code == "OK":
            return True
        await asyncio.sleep(0.05)
    return False


async def _until(watch: Watch, what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if watch.last(what) is not None:
            return
        await asyncio.sleep(0.02)


def _resident(watch: Watch) -> float:
    last = watch.last(MEMORY)
    return 0.0 if last is None else last.value
