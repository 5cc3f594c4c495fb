"""What is lost with each space, held against what the artifact predicts; whatever is left answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
from tieback.core.errors import TiebackError
from tieback.core.types.fusion import Role, Routing
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.measures import Floats, average_precisions, paired, recalls
from benchmarks.binding.photo_retrieval import QUERY
from benchmarks.binding.served import ROUTED, Joint
from benchmarks.report import Report

SLACK = 2.0  # points
SKIP = MethodChoice("skip")
SKIPPED = Routing(imputation=SKIP)
SOUND_SECONDS, SOUND_SEED = 3, 0


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """Queries lose one space at a time; what is stored was stored when all were there."""
    joint = Joint(bound, encoders)
    texts = encoders.texts([QUERY.format(name) for name in data.names])
    photos = encoders.photos(data.photos).whole()
    stored = {Modality.TEXT: joint.documents(photos), Modality.IMAGE: joint.documents(texts)}
    relevant = {Modality.TEXT: data.shows, Modality.IMAGE: data.shows.T}
    rows: list[dict[str, object]] = []
    beyond: list[tuple[float, str, float, float]] = []
    imputing: list[tuple[Floats, Floats]] = []
    for modality, asked in ((Modality.TEXT, texts), (Modality.IMAGE, photos)):
        whole = _found(joint, asked, stored[modality], relevant[modality])
        for lost in asked if len(asked) > 1 else ():
            left = {name: rows_ for name, rows_ in asked.items() if name != lost}
            less = _found(joint, left, stored[modality], relevant[modality])
            skipped = _found(joint, left, stored[modality], relevant[modality], SKIPPED)
            drop = paired(100 * whole[0], 100 * less[0])
            if modality is Modality.TEXT:
                imputing.append((less[0], skipped[0]))
            predicted = max(0.0, float(bound.losses.get(modality, {}).get(lost, 0.0)))
            rows.append(
                {
                    "queries": modality.value,
                    "without": lost,
                    "R@10, points lost": drop.value,
                    "low": drop.low,
                    "high": drop.high,
                    "predicted": predicted,
                    "R@10, points lost by skipping": 100 * float((whole[0] - skipped[0]).mean()),
                    "mAP, points lost": 100 * float(whole[1].mean() - less[1].mean()),
                }
            )
            beyond.append((drop.value - predicted, f"{modality} without {lost}", drop.low, drop.high))
    report.table("COCO: what queries lose without a space", rows)
    if beyond:
        worst, who, low, high = max(beyond)
        report.claim(
            "COCO R@10 lost with any one space, beyond what the artifact predicts", worst, "points",
            f"<= {SLACK:g}", note=f"most: {who}, whose loss is in [{low:.2f}, {high:.2f}]",
        )  # fmt: skip
    if imputing and bound.imputations and bound.imputations[0].method != SKIP.name:
        filled, skips = (100 * np.mean(found, axis=0) for found in zip(*imputing, strict=True))
        gain = paired(filled, skips)
        report.claim(
            "COCO R@10 gained by imputing a lost space, over skipping it, mean over the spaces",
            gain.value, "points", ">= 0", low=gain.low, high=gain.high,
            note=f"by {bound.imputations[0].method}",
        )  # fmt: skip
    _subsets(joint, encoders, texts, photos, report)


def _found(
    joint: Joint,
    asked: Mapping[str, Array],
    stored: Array,
    relevant: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    routing: Routing = ROUTED,
) -> tuple[Floats, Floats]:
    scores = joint.queries(asked, routing) @ stored.T
    return recalls(scores, relevant), average_precisions(scores, relevant)


def _subsets(
    joint: Joint, encoders: Encoders, texts: Mapping[str, Array], photos: Mapping[str, Array], report: Report
) -> None:
    """Every set of spaces, of one modality or of several, is to give a vector whose weights sum to 1."""
    spoken = {name: rows[:1] for name, rows in (*texts.items(), *photos.items())}
    random = np.random.default_rng(SOUND_SEED)
    for name in encoders.modalities:
        if name not in spoken:  # sounds and the like: any direction will do to see whether it answers
            spoken[name] = random.normal(size=(1, encoders.cards[name].width)).astype(np.float32)
    numbers = {modality: place for place, modality in enumerate(dict.fromkeys(encoders.modalities.values()))}
    tried = answered = 0
    failed = ""
    for chosen in _every_set(list(spoken)):
        parts = [
            part
            for name in chosen
            for part in joint.parts({name: spoken[name]}, content=numbers[encoders.modalities[name]])[0]
        ]
        tried += 1
        try:
            weights = joint.fused([parts], Role.QUERY, ROUTED)[0].routing.weights
        except TiebackError as error:
            failed = failed or f"{', '.join(chosen)}: {error.message}"
            continue
        answered += abs(sum(weights.values()) - 1) < 1e-6
    report.claim(
        "share of the subsets of spaces and modalities that answer", answered / tried, "", ">= 1",
        note=failed or f"all {tried}",
    )  # fmt: skip


def _every_set(names: list[str]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(names) + 1):
        yield from itertools.combinations(names, size)
