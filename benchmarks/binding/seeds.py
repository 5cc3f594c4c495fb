"""The main numbers of several bindings that differ in their seed alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback.models.joint.artifact import JointSpaceArtifact

from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.photo_retrieval import DIRECTIONS, TARGET, Crossing, Photo
from benchmarks.report import Report


def measure(bounds: Sequence[JointSpaceArtifact], data: Data, encoders: Encoders, report: Report) -> None:
    """The spread of COCO's precisions over the bindings, routed and uniform."""
    rows: list[dict[str, object]] = []
    found: dict[tuple[str, Photo, bool], list[float]] = {}
    for bound in bounds:
        crossing = Crossing(bound, data, encoders)
        for photo in Photo:
            for routed in (True, False):
                precision = crossing.by(crossing.joint, routed=routed)(photo)
                # A photo that asks is the whole, whatever is stored of photos: nothing new.
                for direction in DIRECTIONS[: 1 if photo is Photo.TOGETHER else None]:
                    found.setdefault((direction, photo, routed), []).append(precision.of(direction).mean())
    for (direction, photo, routed), values in found.items():
        rows.append(
            {
                "direction": direction,
                "photo as": photo,
                "weights": "routed" if routed else "uniform",
                "mean": float(np.mean(values)),
                "low": float(min(values)),
                "high": float(max(values)),
            }
        )
    report.table(f"COCO: mean average precision over {len(bounds)} seeds", rows)
    best = found[DIRECTIONS[0], Photo.BEST, True]
    report.claim(
        f"COCO {DIRECTIONS[0]} mAP, routed, {Photo.BEST}, mean of {len(bounds)} seeds",
        float(np.mean(best)), "", f"> {TARGET:g}", low=float(min(best)), high=float(max(best)),
        note="the interval is the lowest and the highest seed",
    )  # fmt: skip
