"""A binding of small spaces, with measurements of every kind."""

from __future__ import annotations

import numpy as np
from tieback.methods.projection import fit
from tieback.models.joint.artifact import BoundProjection, BoundRouter, JointSpaceArtifact, SpaceBlock
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

TEXTS = ("all-minilm-l6-v2", "paraphrase-minilm-l3-v2", "wordllama-256")
NAMES = (*TEXTS, "efficientnet-lite0", "yamnet")
MODALITIES = (*[Modality.TEXT] * 3, Modality.IMAGE, Modality.AUDIO)
WIDTH = 6


def bound() -> JointSpaceArtifact:
    """Five spaces as the default catalog has them, small, with measurements of every kind."""
    random = np.random.default_rng(0)
    spaces = [SpaceRef(name, f"r{place}0af", f"f{place}") for place, name in enumerate(NAMES)]
    blocks = [SpaceBlock(space, modality, WIDTH) for space, modality in zip(spaces, MODALITIES, strict=True)]
    projections = [BoundProjection(space, WIDTH, space.name) for space in spaces]
    anchors = {name: random.normal(size=(40, WIDTH)).astype(np.float32) for name in NAMES}
    for source, modality in zip(spaces, MODALITIES, strict=True):
        for block in blocks:
            if modality is not block.modality and Modality.TEXT in (modality, block.modality):
                state = fit("anchor_attention", anchors[source.name], anchors[block.space.name])
                projections.append(
                    BoundProjection(
                        source, WIDTH, block.space.name, "anchor_attention", {"sharpness": 15.0}, state
                    )
                )
    return JointSpaceArtifact(
        tuple(blocks),
        tuple(projections),
        (
            BoundRouter(
                *(Modality.TEXT, TEXTS, "uniform", {}, {}),
                {name: (0.11 + place / 50, 0.23 + place / 40) for place, name in enumerate(NAMES)},
                {name: 0.17 + place / 45 for place, name in enumerate(NAMES)},
            ),
        ),
        {"text": {TEXTS[0]: 6.25, NAMES[3]: 11.5}, "image": {TEXTS[0]: 4.125, TEXTS[1]: -0.375}},
        {
            "retrieval": [
                {
                    "task": task,
                    "measure": "R@1",
                    "chance": 0.0128,
                    "rows": [
                        {"name": "routed", "value": value, "low": value - 0.04, "high": value + 0.04},
                        {"name": "uniform", "value": value - 0.06, "low": value - 0.11, "high": value - 0.02},
                        {"name": f"best single: {TEXTS[1]}", "value": 0.3875, "low": 0.34, "high": 0.43},
                        {"name": "before: class names", "value": 0.3125, "low": 0.27, "high": 0.36},
                    ],
                }
                for task, value in (("text → image", 0.5625), ("image → text", 0.4875))
            ],
            "decoupling": {
                "classes": ["image", "audio", "text"],
                "confusion": [[187, 9, 4], [11, 181, 8], [6, 3, 191]],
                "accuracy": 0.9317,
            },
            "weights": {
                "rows": [
                    {"what": what, "weights": dict(zip(NAMES, weights, strict=True))}
                    for what, weights in (
                        ("captions of photos", (0.2, 0.17, 0.16, 0.39, 0.08)),
                        ("captions of sounds", (0.19, 0.16, 0.15, 0.09, 0.41)),
                        ("other texts", (0.41, 0.28, 0.25, 0.03, 0.03)),
                    )
                ]
            },
        },
        {"data": ["examples/library", "class names"], "seed": 7, "seconds": 412.5, "command": "tieback bind"},
    )
