"""Attacks before any service: bodies without a token, open calls, the metrics port."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Sequence

import psutil

from benchmarks.attack.attack import FAULT, Attack, Outcome, Scene
from benchmarks.attack.http2 import RawCaller

ENCODE, STREAM = "EncoderService/Encode", "EncoderService/EncodeStream"
BOMBS, BOMB_BYTES = 50, (32 << 20) - 64
CALLERS, CALLS = 100, 100
SOCKETS, MOST_THREADS = 200, 50


async def prepare_bombs(scene: Scene) -> None:
    scene.kept["bomb"] = await asyncio.to_thread(gzip.compress, b"\0" * BOMB_BYTES)


async def bombs(scene: Scene) -> Sequence[Outcome]:
    """50 bodies of 32 kB that unzip to 32 MB, without a token."""
    callers = await asyncio.to_thread(lambda: [RawCaller(scene.address) for _ in range(BOMBS)])
    try:
        for caller in callers:
            caller.open(ENCODE, scene.kept["bomb"], gzipped=True)
        for _ in range(100):
            await asyncio.sleep(0.1)
            if all(caller.ended or caller.closed.is_set() for caller in callers):
                break
        unanswered = sum(not caller.ended and not caller.closed.is_set() for caller in callers)
    finally:
        for caller in callers:
            caller.close()
    return [Outcome(FAULT, f"{unanswered} of {BOMBS} had no answer after 10 s", 10.0)] if unanswered else []


async def open_calls(scene: Scene) -> Sequence[Outcome]:
    """10,000 calls of EncodeStream, held open; then one more by a caller who can read the status."""
    callers = await asyncio.to_thread(lambda: [RawCaller(scene.address) for _ in range(CALLERS)])
    try:
        for caller in callers:
            for _ in range(CALLS):
                try:
                    caller.open(STREAM, end=False, token=scene.token)
                except OSError:
                    break
            await asyncio.sleep(0)
        await asyncio.sleep(5.0)
        return [await scene.stream(STREAM, b"", seconds=5.0)]
    finally:
        for caller in callers:
            caller.close()


async def metrics_port(scene: Scene) -> Sequence[Outcome]:
    """200 connections to the metrics port that never ask."""
    host, _, port = scene.metrics_address.rpartition(":")
    writers: list[asyncio.StreamWriter] = []
    before = psutil.Process(scene.pid).num_threads()
    try:
        for _ in range(SOCKETS):
            with contextlib.suppress(OSError, TimeoutError):  # it takes no more
                async with asyncio.timeout(0.05):
                    writers.append((await asyncio.open_connection(host, int(port)))[1])
        await asyncio.sleep(3.0)
        grown = psutil.Process(scene.pid).num_threads() - before
    finally:
        for writer in writers:
            writer.close()
    return [Outcome(FAULT, f"{grown} threads more", 0.0)] if grown > MOST_THREADS else []


ATTACKS = (
    Attack(
        "bombs",
        "50 bodies of 32 kB that unzip to 32 MB, without a token",
        bombs,
        prepare=prepare_bombs,
        tokens=True,
    ),
    Attack("open calls", "10,000 calls held open", open_calls),
    Attack("metrics port", "200 connections to the metrics port that do not ask", metrics_port),
)
