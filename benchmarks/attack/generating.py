"""Attacks on Generate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tieback.v1 import evidence_pb2, generator_pb2

from benchmarks.attack.attack import Attack, Outcome, Scene
from benchmarks.attack.http2 import RawCaller

GENERATE = "GeneratorService/Generate"
RIVER = "The Nile is a long river in Africa."


def request(prompt: str = "Which river is long?", evidence: str = RIVER, **sampling: object) -> bytes:
    """A request of that prompt and one passage."""
    return generator_pb2.GenerateRequest(
        prompt=prompt,
        evidence=[evidence_pb2.Evidence(id="1", text=evidence)],
        sampling=generator_pb2.SamplingParameters(**sampling),  # type: ignore[arg-type]  # its fields
        grounding=generator_pb2.Grounding(abstain_below=0.0),
    ).SerializeToString()


async def dots(scene: Scene) -> Sequence[Outcome]:
    """40 kB of dots as the passage, and as the prompt."""
    asked = [request(evidence="." * 40_000, max_tokens=2), request(prompt="." * 40_000, max_tokens=2)]
    return [await scene.stream(GENERATE, one, both=False) for one in asked]


async def stops(scene: Scene) -> Sequence[Outcome]:
    """A stop text of 1 MB, 10,000 stop texts, and the call given up after a second."""
    found = []
    for stop in (["a" * 1_000_000], ["stop"] * 10_000):
        asked = request(max_tokens=64, stop=stop)
        found.append(await scene.stream(GENERATE, asked, both=False, seconds=1.0))
    return found


async def slow_readers(scene: Scene) -> Sequence[Outcome]:
    """Four callers without a deadline who let no byte of the answer flow."""
    asked = request(max_tokens=128)
    callers = [RawCaller(scene.address, window=0) for _ in range(4)]
    try:
        for caller in callers:
            caller.open(GENERATE, asked, token=scene.token)
        await asyncio.sleep(12.0)
    finally:
        for caller in callers:
            caller.close()
    return []


ATTACKS = (
    Attack("dots in a passage", "Generate from 40 kB of dots", dots, may_answer=True),
    Attack(
        "stops",
        "Generate with a stop text of 1 MB, given up after 1 s",
        stops,
        good="generate",
        good_seconds=2.0,
    ),
    Attack(
        "slow readers",
        "four Generates without a deadline whose answers are not read",
        slow_readers,
        good="generate",
        good_seconds=5.0,
    ),
)
