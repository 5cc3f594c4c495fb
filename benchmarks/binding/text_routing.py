"""Does the text router tell what a text speaks of: a photo, a sound, or neither?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback.joint.projecting import read
from tieback.joint.space import Joint
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.report import Report
from benchmarks.statistics import interval

TARGET = 0.9
OTHERS = 120  # texts that speak of neither
PHOTO = ("this picture shows a {}", "there is a {} to be seen here")
SOUND = ("you can hear {}", "audio of {}")
SOUNDS = (
    *("a dog barking", "a cat purring", "birds singing at dawn", "a rooster crowing", "bees buzzing"),
    *("rain on a tin roof", "thunder far away", "wind in the trees", "waves breaking", "a river flowing"),
    *("a baby crying", "children laughing", "a crowd cheering", "people whispering", "someone snoring"),
    *("footsteps on gravel", "a door slamming", "a telephone ringing", "an alarm clock", "keys jingling"),
    *("a car engine starting", "a train passing", "a siren in the street", "a helicopter", "a motorcycle"),
    *("a piano", "an electric guitar", "drums", "a violin", "a church bell"),
    *("a keyboard being typed on", "water dripping from a tap", "glass breaking", "a chainsaw", "fireworks"),
)
"""What can be heard; the data have no sounds, so the words for them are fixed here."""


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """On what the artifact held out, and on captions that no binding was made with."""
    _as_recorded(bound, report)
    kinds = {
        "image": [way.format(name) for name in data.names for way in PHOTO],
        "audio": [way.format(name) for name in SOUNDS for way in SOUND],
        "text": _others(data),
    }
    modalities = {block.modality.value for block in bound.blocks}
    spoken = {kind: encoders.texts(texts) for kind, texts in kinds.items() if texts and kind in modalities}
    whole = {kind: taken_for(bound, dense, list(spoken)) for kind, dense in spoken.items()}
    report.table("what texts speak of, and what they were taken for", _confusion(whole))
    right = {kind: _right(whole, kind) for kind in spoken}
    _claim("captions made from COCO's names and from words for sounds", right, report)


def _as_recorded(bound: JointSpaceArtifact, report: Report) -> None:
    found: Mapping[str, Any] = bound.metrics.get("decoupling") or {}
    accuracy = found.get("accuracy")
    report.claim(
        "texts that the router tells apart, held out at binding", accuracy, "", f">= {TARGET:g}",
        note="as the artifact recorded",
    )  # fmt: skip


def _claim(what: str, right: Mapping[str, Array], report: Report) -> None:
    captions = interval(_captions(right))
    shares = ", ".join(f"{kind} {one.mean():.3f}" for kind, one in right.items())
    report.claim(
        f"{what}: sent to the right spaces",
        captions,
        "",
        f">= {TARGET:g}",
        note=f"by kind: {shares}; the value is of image and audio",
    )


def _captions(right: Mapping[str, Array]) -> Array:
    return np.concatenate([one for kind, one in right.items() if kind != "text"]).astype(float)


def _others(data: Data) -> list[str]:
    """Queries of the search, then sentences of the pairs, evenly."""
    asked = [text for one in data.collections.values() for text, _ in one.queries]
    pool = asked + [a for rows in data.pairs.values() for a, _, _ in rows]
    return list(dict.fromkeys(pool[:: max(1, len(pool) // OTHERS)]))[:OTHERS]


def taken_for(bound: JointSpaceArtifact, dense: Mapping[str, Array], kinds: Sequence[str]) -> Array:
    """The place in `kinds` of the modality whose blocks have the highest mean weight."""
    weights = Joint.of(bound).weights(Modality.TEXT, read(bound, dense))
    mean_weights = [
        np.mean([weights[one.space.name] for one in bound.blocks if one.modality.value == kind], axis=0)
        for kind in kinds
    ]
    return np.asarray(np.stack(mean_weights).argmax(axis=0))


def _right(taken: Mapping[str, Array], kind: str) -> Array:
    return np.asarray(taken[kind] == list(taken).index(kind))


def _confusion(taken: Mapping[str, Array]) -> list[dict[str, object]]:
    kinds = list(taken)
    return [
        {"speaks of": kind}
        | {f"taken for {other}": int((rows == place).sum()) for place, other in enumerate(kinds)}
        for kind, rows in taken.items()
    ]
