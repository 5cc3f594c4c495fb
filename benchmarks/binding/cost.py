"""What routing and projecting cost beside encoding: one thread, alternating rounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import numpy as np
from tieback.core.call import NO_CALL
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.core.types.fusion import FuseRequest
from tieback.models.encoder_model import EncoderModel, Prepared
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array
from tieback_contract.fusion import FusePart
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import Joint
from benchmarks.report import Report

ALONE, TOGETHER = 1, 32
ROUNDS, CALLS = 15, 20
MILLISECONDS, SHARE = 0.5, 0.05
ROUTER, PROCESSOR, ENCODERS = "router", "router, on the processor", "encoders"


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """Texts through all text spaces, photos through all image spaces; ready encodings to joint vectors."""
    joint = Joint(bound, encoders)
    sentences = [a for rows in data.pairs.values() for a, _, _ in rows] or [
        f"a photo of a {n}" for n in data.names
    ]
    texts = sentences[:: max(1, len(sentences) // TOGETHER)][:TOGETHER]
    photos = [path.read_bytes() for path in list(data.photos)[:TOGETHER]]
    contents = {
        Modality.TEXT: [Content(Modality.TEXT, text) for text in texts],
        Modality.IMAGE: [Content(Modality.IMAGE, photo) for photo in photos],
    }
    rows: list[dict[str, object]] = []
    alone: dict[str, tuple[float, float, float]] = {}
    share: dict[str, float] = {}
    for modality, given in contents.items():
        if not encoders.of(modality):
            continue
        one = _Kind(joint, {name: encoders.model(name) for name in encoders.of(modality)}, given)
        for batch in (ALONE, TOGETHER):
            times = one.rounds(batch)
            rows.append(
                {"what": modality.value, "batch": min(batch, len(given))}
                | {f"{name}, ms p50": float(np.median(values)) for name, values in times.items()}
            )
            if batch == ALONE:
                low, high = np.percentile(times[ROUTER], [10, 90])
                alone[modality] = (float(np.median(times[ROUTER])), float(low), float(high))
            else:
                share[modality] = float(np.median(times[ROUTER]) / np.median(times[ENCODERS]))
    report.table("what routing and projection cost", rows)
    slowest = max(alone, key=lambda name: alone[name][0])
    value, low, high = alone[slowest]
    report.claim(
        "routing and projection of one query, p50", value, "ms", f"<= {MILLISECONDS:g}",
        low=low, high=high, note=f"{slowest}, the slower; the interval is of rounds, a tenth to nine tenths",
    )  # fmt: skip
    dearest = max(share, key=lambda name: share[name])
    report.claim(
        f"routing and projection at batch {TOGETHER}, share of the encoders' time", share[dearest], "",
        f"<= {SHARE:g}", note=f"{dearest}, the dearer; decoding pictures and tokenising left out",
    )  # fmt: skip


class _Kind:
    """Inputs of one modality, prepared, with the encodings that the router gets."""

    def __init__(self, joint: Joint, models: Mapping[str, EncoderModel], contents: Sequence[Content]) -> None:
        self._joint, self._models = joint, models
        self._prepared: dict[str, list[Prepared]] = {
            name: [model.prepare(one, EncodePlan(truncation=Truncation.END), Limits()) for one in contents]
            for name, model in models.items()
        }
        vectors = {name: self._encode(name, len(contents)) for name in models}
        self._parts: list[list[FusePart]] = joint.parts(vectors)

    def rounds(self, batch: int) -> dict[str, Array]:
        """Milliseconds of a batch, round by round: of the router, by the clock and by the processor, and of
        the encoders.
        """
        found: dict[str, list[float]] = {ROUTER: [], PROCESSOR: [], ENCODERS: []}
        for _ in range(ROUNDS):
            clock, processor = asyncio.run(self._fuse(batch))
            found[ROUTER].append(clock)
            found[PROCESSOR].append(processor)
            begin = time.perf_counter()
            for name in self._models:
                self._encode(name, batch)
            found[ENCODERS].append(1e3 * (time.perf_counter() - begin))
        return {name: np.array(times) for name, times in found.items()}

    async def _fuse(self, batch: int) -> tuple[float, float]:
        """The medians over some calls; other inputs each time, where there are more."""
        calls, processor = [], []
        for call in range(CALLS if batch == 1 else 3):
            begin = call % max(1, len(self._parts) - batch + 1)
            inputs = self._parts[begin : begin + batch]
            started, used = time.perf_counter(), time.process_time()
            await self._joint.router.fuse(FuseRequest(inputs), NO_CALL)
            calls.append(1e3 * (time.perf_counter() - started))
            processor.append(1e3 * (time.process_time() - used))
        return float(np.median(calls)), float(np.median(processor))

    def _encode(self, name: str, batch: int) -> Array:
        found = self._models[name].run(self._prepared[name][:batch], EncodePlan())
        return np.stack([one.dense for one in found if one.dense is not None])
