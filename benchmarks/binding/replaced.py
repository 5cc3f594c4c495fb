"""A text encoder of a binding replaced: before, with its block alone learned, and with everything bound anew.

Photos and sounds are stored once for the first two: their vectors are the same, which is checked bit by bit.
Photos are found by what people wrote of them (DIR/captions), and sounds by names (DIR/sounds).
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.store import Store
from tieback.recipes.binding import BindingOptions, Replacement, bind, replace_component
from tieback.recipes.train.encoding import encode
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from benchmarks.binding.artifact import shipped
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import ROUTED, Joint
from benchmarks.binding.sound_retrieval import WORDINGS
from benchmarks.measures import average_precisions
from benchmarks.report import Report
from benchmarks.statistics import paired

OLD, NEW = "all-minilm-l6-v2", "paraphrase-minilm-l3-v2"
OTHERS = ("efficientnet-lite0", "yamnet")
TARGET = 0.02
"""So much less MRR than bound anew is what keeping photos and sounds may cost."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Judged:
    """Captions with the photos `[captions]` that they are of, and sounds with their names."""

    captions: Sequence[str]
    owner: Array
    photos: Sequence[Path]
    sounds: Sequence[Path]
    labels: Sequence[str]

    @classmethod
    def read(cls, folder: Path) -> Judged:
        """Contents of DIR/captions and DIR/sounds."""
        listed: dict[str, list[str]] = json.loads((folder / "captions" / "captions.json").read_text())
        names = sorted(listed)
        labels: dict[str, str] = json.loads((folder / "sounds" / "labels.json").read_text())
        return cls(
            [text for name in names for text in listed[name]],
            np.repeat(np.arange(len(names)), [len(listed[name]) for name in names]),
            [folder / "captions" / "images" / name for name in names],
            [folder / "sounds" / file for file in labels],
            list(labels.values()),
        )


class _Vectors:
    """Vectors of it all by each encoder, made once."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged
        self._known: dict[tuple[str, str], Array] = {}

    def of(self, encoders: Encoders, modality: Modality, texts: Sequence[str] = ()) -> dict[str, Array]:
        """Unit vectors by space: of the texts, of all photos, or of all sounds."""
        found = {}
        for name in encoders.of(modality):
            key = name, "\n".join(texts)
            if key not in self._known:
                files = self._judged.photos if modality is Modality.IMAGE else self._judged.sounds
                self._known[key] = (
                    encoders.texts(texts)[name] if texts else encode(encoders.model(name), files).dense
                )
            found[name] = self._known[key]
        return found


def measure(folder: Path, cards: Sequence[EncoderCard], store: Store, say: Say, report: Report) -> None:
    """Reciprocal rank and recall by the three bindings, without and with another text encoder beside."""
    judged = Judged.read(folder)
    vectors = _Vectors(judged)
    for beside in ((), ("wordllama-256",)):
        _compare(judged, vectors, beside, cards, store, say, report)


def _compare(
    judged: Judged,
    vectors: _Vectors,
    beside: Sequence[str],
    cards: Sequence[EncoderCard],
    store: Store,
    say: Say,
    report: Report,
) -> None:
    data, seconds = shipped(store), dict[str, float]()
    bindings: dict[str, JointSpaceArtifact] = {}
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        for name in ("before", "its block alone", "bound anew"):
            begun = time.process_time()
            if name == "its block alone":
                one = Replacement(OLD, NEW)
                made = replace_component(
                    bindings["before"], one, cards, store, BindingOptions(data=data), say, out=out
                )
            else:
                text = OLD if name == "before" else NEW
                made = bind(cards, store, _options(data, text, beside), say, out=out)
            bindings[name] = made.bound
            seconds[name] = time.process_time() - begun
    rows, ranks, stored = [], dict[str, Array](), dict[str, Array]()
    for name, bound in bindings.items():
        encoders = Encoders(bound, cards, store, say)
        joint = Joint(bound, encoders)
        stored[name], row, ranks[name] = _found(judged, vectors, encoders, joint)
        rows.append({"binding": name, **row, "processor time to bind, s": seconds[name]})
    spaces = ", ".join((*OTHERS, *beside))
    title = f"{OLD} replaced by {NEW}, beside {spaces}"
    report.table(title, rows)
    by_photo = {
        name: np.array([(1 / one[judged.owner == n]).mean() for n in range(len(judged.photos))])
        for name, one in ranks.items()
    }
    less = paired(by_photo["bound anew"], by_photo["its block alone"])
    report.claim(
        f"{title}: captions → photos, MRR lost against bound anew",
        less,
        "",
        f"<= {TARGET:g}",
        note="paired by photo",
    )
    same = np.array_equal(stored["before"], stored["its block alone"])
    report.claim(
        f"{title}: photos and sounds whose stored vector is the same, bit by bit",
        float((stored["before"] == stored["its block alone"]).all(axis=1).mean()) if not same else 1.0,
        "", ">= 1",
        note=f"{len(stored['before'])} photos and sounds",
    )  # fmt: skip


def _options(data: tuple[Path, ...], text: str, beside: Sequence[str]) -> BindingOptions:
    spaces = (text, *OTHERS, *beside)
    return BindingOptions(data=data, spaces=spaces)


def _found(
    judged: Judged, vectors: _Vectors, encoders: Encoders, joint: Joint
) -> tuple[Array, Mapping[str, float], Array]:
    """The stored vectors of photos and sounds, what is found of them, and the place of each photo."""
    photos = joint.documents(vectors.of(encoders, Modality.IMAGE))
    sounds = joint.documents(vectors.of(encoders, Modality.AUDIO))
    said = vectors.of(encoders, Modality.TEXT, judged.captions)
    scores = joint.queries(said, ROUTED) @ photos.T
    ranks = 1 + (scores > scores[np.arange(len(scores)), judged.owner][:, None]).sum(axis=1)
    texts = joint.documents(said)
    back = joint.queries(vectors.of(encoders, Modality.IMAGE), ROUTED) @ texts.T
    best = np.argsort(-back, axis=1)[:, :10]
    is_own = judged.owner[best] == np.arange(len(judged.photos))[:, None]
    names = sorted(set(judged.labels))
    made_by = np.array([[label == name for label in judged.labels] for name in names])
    precisions = [
        average_precisions(
            joint.queries(
                vectors.of(encoders, Modality.TEXT, [wording.format(name) for name in names]), ROUTED
            )
            @ sounds.T,
            made_by,
        ).mean()
        for wording in WORDINGS
    ]
    row = {
        "captions → photos, R@1": float((ranks <= 1).mean()),
        "captions → photos, R@10": float((ranks <= 10).mean()),
        "captions → photos, MRR": float((1 / ranks).mean()),
        "photos → captions, R@1": float(is_own[:, 0].mean()),
        "photos → captions, R@10": float(is_own.any(axis=1).mean()),
        "names → sounds, mAP": float(np.mean(precisions)),
    }
    return np.concatenate([photos, sounds]), row, np.asarray(ranks, np.float64)
