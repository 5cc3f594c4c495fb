"""What a user's own pairs are worth: half of the photos with their names as anchors, the other half found."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array

from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.measures import Floats, paired
from benchmarks.binding.photo_retrieval import DIRECTIONS, Crossing, Photo
from benchmarks.report import Report

CAPTION = "a photo of {}"
SEED = 0

Bind = Callable[[Path], JointSpaceArtifact]
"""Makes the binding again with this list of anchors."""


def measure(bound: JointSpaceArtifact, again: Bind, data: Data, encoders: Encoders, report: Report) -> None:
    """Each half is given once and found once, by the binding with those anchors and by the one without."""
    order = np.random.default_rng(SEED).permutation(np.flatnonzero(data.shows.any(axis=0)))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    without: dict[str, list[Floats]] = {direction: [] for direction in DIRECTIONS}
    taught: dict[str, list[Floats]] = {direction: [] for direction in DIRECTIONS}
    for given, found in (halves, halves[::-1]):
        with tempfile.TemporaryDirectory() as folder:
            anchored = again(_listed(data, given, Path(folder) / "anchors.jsonl"))
        asked = _part(data, found)
        for binding, into in ((bound, without), (anchored, taught)):
            crossing = Crossing(binding, asked, encoders)
            precision = crossing.by(crossing.joint, routed=True)(Photo.WHOLE)
            for direction in DIRECTIONS:
                into[direction].append(precision.of(direction))
    for direction in DIRECTIONS:
        more, less = np.concatenate(taught[direction]), np.concatenate(without[direction])
        difference = paired(more, less)
        report.claim(
            f"COCO {direction} mAP, one vector: with {len(halves[0])} photos and their names as anchors, "
            "less without", difference.value, "", "> 0", low=difference.low, high=difference.high,
            note=f"{more.mean():.4f} and {less.mean():.4f}, on the other half of the photos, both ways",
        )  # fmt: skip


def _listed(data: Data, places: np.ndarray[tuple[int], np.dtype[np.int64]], path: Path) -> Path:
    lines = []
    for place in places.tolist():
        shown = [name for name, shows in zip(data.names, data.shows[:, place], strict=True) if shows]
        pair = {"text": CAPTION.format(" and ".join(f"a {name}" for name in shown))}
        lines.append(json.dumps(pair | {"image": str(data.photos[place].resolve())}))
    path.write_text("\n".join(lines) + "\n")
    return path


def _part(data: Data, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Data:
    shows = data.shows[:, places]
    there: Array = np.asarray(shows.any(axis=1))
    names = [name for name, one in zip(data.names, there.tolist(), strict=True) if one]
    return replace(
        data, photos=[data.photos[place] for place in places.tolist()], names=names, shows=shows[there]
    )
