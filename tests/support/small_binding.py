"""A binding made small: two text spaces, one of pictures and one of sounds, over three things.

The first three dimensions of every space are cat, cup and car, and every projection is the identity on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback.methods.imputation import fit
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import (
    NATIVE,
    BoundImputation,
    BoundProjection,
    BoundRouter,
    JointSpaceArtifact,
    SpaceBlock,
)
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding, Label
from tieback_contract.fusion import FusePart
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

WORDS, NAMES = SpaceRef("words", "r1", "f1"), SpaceRef("names", "r2", "f2")
EYES, EARS = SpaceRef("eyes", "r3", "f3"), SpaceRef("ears", "r4", "f4")
WIDTHS = {"words": 4, "names": 3, "eyes": 5, "ears": 3}
SPACES = {space.name: space for space in (WORDS, NAMES, EYES, EARS)}
OF = {"words": Modality.TEXT, "names": Modality.TEXT, "eyes": Modality.IMAGE, "ears": Modality.AUDIO}
NAMES_OF_BLOCKS = ("words", "names", "eyes", "ears")
WEIGHT_RANGES = {"words": (0.0, 0.5), "names": (0.0, 0.5), "eyes": (0.3, 0.9), "ears": (0.0, 0.2)}
LOSSES = {"text": {"words": 5.0, "names": 3.0, "eyes": 12.0}, "image": {"eyes": 70.0}}


def projection(source: str, block: str) -> BoundProjection:
    """The identity on the first three dimensions."""
    if source == block:
        return BoundProjection(SPACES[source], WIDTHS[source], block, NATIVE)
    state = {
        "map": np.eye(WIDTHS[source], WIDTHS[block], dtype=np.float32),
        "offset": np.zeros(WIDTHS[block], np.float32),
    }
    return BoundProjection(SPACES[source], WIDTHS[source], block, "affine", {}, state)


def text_router(favours: Mapping[int, str], **facts: Any) -> BoundRouter:
    """A learned router of texts: the value in a dimension of `words` gives a block its weight."""
    width, blocks = WIDTHS["words"] + WIDTHS["names"], len(NAMES_OF_BLOCKS)
    third = np.zeros((width, blocks), np.float32)
    for dimension, block in favours.items():
        third[dimension, NAMES_OF_BLOCKS.index(block)] = 8
    state = {
        "first": np.eye(width, dtype=np.float32),
        "first_bias": np.zeros(width, np.float32),
        "second": np.eye(width, dtype=np.float32),
        "second_bias": np.zeros(width, np.float32),
        "third": third,
        "third_bias": np.full(blocks, -2, np.float32),
    }
    mean_weights = {"words": 0.2, "names": 0.2, "eyes": 0.5, "ears": 0.1}
    return BoundRouter(
        Modality.TEXT,
        ("words", "names"),
        "soft",
        {"sharpness": 5.0},
        state,
        WEIGHT_RANGES,
        mean_weights,
        **facts,
    )


def binding(routers: Sequence[BoundRouter] = (), **changes: Any) -> JointSpaceArtifact:
    """Every text reaches every block; pictures reach all but the sounds', sounds all but the pictures'."""
    facts: dict[str, Any] = {
        "blocks": tuple(SpaceBlock(SPACES[name], OF[name], WIDTHS[name]) for name in NAMES_OF_BLOCKS),
        "projections": tuple(
            projection(source, block)
            for source, reached in {
                "words": ("words", "eyes", "ears"),
                "names": ("names", "eyes", "ears"),
                "eyes": ("eyes", "words", "names"),
                "ears": ("ears", "words", "names"),
            }.items()
            for block in reached
        ),
        "routers": tuple(routers),
        "losses": LOSSES,
    }
    return JointSpaceArtifact(**(facts | changes))


def routed() -> JointSpaceArtifact:
    """Texts of cats are looked for in pictures, texts of cars in sounds."""
    return binding([text_router({0: "eyes", 2: "ears"})])


def imputation(method: str) -> BoundImputation:
    """The method fitted on many things of which `words` and `names` know, at half precision.

    Its losses are its own, so that they can be told from those of other methods.
    """
    things = unit_rows(np.random.default_rng(0).normal(size=(4000, 3)))
    rows = {
        name: np.pad(things, [(0, 0), (0, WIDTHS[name] - 3)])
        if OF[name] is Modality.TEXT
        else np.zeros((len(things), WIDTHS[name]), np.float32)
        for name in NAMES_OF_BLOCKS
    }
    state = {name: array.astype(np.float16) for name, array in fit(method, list(rows.values())).items()}
    return BoundImputation(method, {}, state, {"text": {"words": 2.0, "names": float(len(method))}})


def said(space: str, *values: float, labels: Sequence[Label] = ()) -> Encoding:
    """What a space says of a content; values that are left out are 0."""
    row: Array = np.zeros(WIDTHS[space], np.float32)
    row[: len(values)] = values
    return Encoding(SPACES[space], OF[space], vector=Vector(row, SPACES[space]), labels=labels)


def text(*values: float, content: int = 0, weight: float = 1.0) -> list[FusePart]:
    """A text, by both text spaces."""
    return [FusePart(said(space, *values), weight, content) for space in ("words", "names")]


def photo(*values: float, content: int = 0, weight: float = 1.0) -> list[FusePart]:
    return [FusePart(said("eyes", *values), weight, content)]


def sound(*values: float, content: int = 0, weight: float = 1.0) -> list[FusePart]:
    return [FusePart(said("ears", *values), weight, content)]
