"""Sounds found by the names of what makes them, and named, in words that training did not have."""

from __future__ import annotations

import json

import numpy as np
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback_contract.arrays import Array

from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.served import ROUTED, UNIFORM, Joint
from benchmarks.measures import OMNIBIND, average_precisions, chance_precision
from benchmarks.report import Report
from benchmarks.statistics import Floats, paired

WORDINGS = ("{}", "audio of a {}", "I can hear a {}", "a {} on the farm makes a noise")
"""The first is a bare name; the others are in none of the templates that a binding learns from."""


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """Mean average precision by wording, and how many sounds are named right; nothing without sounds."""
    listed = data.folder / "sounds" / "labels.json"
    if not listed.is_file():
        return
    labels: dict[str, str] = json.loads(listed.read_text())
    sounds = encoders.sounds([data.folder / "sounds" / file for file in labels])
    if not sounds:
        return
    names = sorted(set(labels.values()))
    made_by = np.array([[label == name for label in labels.values()] for name in names])
    joint = Joint(bound, encoders)
    stored = joint.documents(sounds)
    rows: list[dict[str, object]] = []
    precisions: dict[str, list[Floats]] = {"routed": [], "uniform": []}
    rights: dict[str, list[Floats]] = {"routed": [], "uniform": []}
    for wording in WORDINGS:
        texts = encoders.texts([wording.format(name) for name in names])
        named = joint.documents(texts)
        for way, routing in {"routed": ROUTED, "uniform": UNIFORM}.items():
            found = joint.queries(texts, routing) @ stored.T
            naming = joint.queries(sounds, routing) @ named.T
            precisions[way].append(average_precisions(found, made_by))
            rights[way].append(_right(naming, made_by).astype(float))
            rows.append(
                {
                    "wording": wording.format("…"),
                    "weights": way,
                    "name → sounds, mAP": float(precisions[way][-1].mean()),
                    "sound → name, right": float(rights[way][-1].mean()),
                }
            )
    rows.append(
        {
            "wording": "chance",
            "weights": None,
            "name → sounds, mAP": chance_precision(made_by),
            "sound → name, right": 1 / len(names),
        }
    )
    report.table(f"sounds: {len(labels)} of {len(names)} names", rows)
    for what, found_by, each in (
        ("name → sounds, mAP", precisions, "name"),
        ("sound → name", rights, "sound"),
    ):
        routed, uniform = (np.mean(found_by[way], axis=0) for way in ("routed", "uniform"))
        difference = paired(routed, uniform)
        report.claim(
            f"{what}: routed less uniform, mean of the wordings",
            difference,
            "",
            ">= 0",
            of=OMNIBIND,
            note=f"paired by {each}",
        )


def _right(scores: Array, made_by: Array) -> Array:
    return np.asarray(made_by[scores.argmax(axis=1), np.arange(len(scores))])
