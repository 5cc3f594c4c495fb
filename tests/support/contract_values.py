"""Values of the contract that its samples are made of."""

from __future__ import annotations

import dataclasses

import numpy as np
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.search import StageScores
from tieback_contract.answers import AnswerAction, Decision
from tieback_contract.arrays import Box
from tieback_contract.encodings import Encoding, EncodingSource, Label
from tieback_contract.fusion import RoutingExplanation
from tieback_contract.hits import AlignedPair, Alignment, FoundPiece, Highlight, Hit, SameText
from tieback_contract.locators import Locator, LocatorKind, Locators
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.reports import Cost, Dropped, DroppedSection, Stage, Timing
from tieback_contract.vectors import MultiVector, SparseVector

from support.collection_samples import (
    SPACE,
    VECTOR,
)

TOKENS = MultiVector(
    np.eye(2, 3, dtype=np.float32), SPACE, Locators.of(LocatorKind.BYTE_SPAN, [(0, 2), (3, 2**32 - 1)])
)
LABELS = [Label("espresso", 967, 0.5)]
SPARSE = SparseVector(np.array([3, 40_000], np.int32), np.array([0.5, 2], np.float32), SPACE, ["a", "b"])
REGIONS = MultiVector(
    np.eye(2, 3, dtype=np.float32),
    SPACE,
    Locators.of(LocatorKind.BOX, [(0, 0, 1, 1), (0.25, 0.5, 0.75, 0.5)]),
)
WINDOWS = MultiVector(
    np.eye(2, 3, dtype=np.float32), SPACE, Locators.of(LocatorKind.TIME_RANGE, [(0, 0.96), (0.48, 1.44)])
)
NO_ROWS = MultiVector(np.zeros((0, 3), np.float32), SPACE, Locators.of(LocatorKind.BYTE_SPAN, []))
TIMING = Timing(0.001, 0.002, 0.003, 0.006, [Stage("search", 0.001, 0.002)])
DROPPED = [Dropped("limit", 7, [DroppedSection("one", "s", 0.25)]), Dropped("depth", 80)]
EXPLAINED = Timing(
    total=0.006,
    stages=[
        Stage("search", 0.001, 0.002, queue=0.001, compute=0.001),
        Stage("merge", 0.001, 0.001, "search", 0.0, 0.0, 90, 3, DROPPED, "graph"),
    ],
)
COST = Cost(8, 100, 20, 3, 2)
EXPANSION = MethodChoice("rocchio", {"documents": 5})
ROUTING = RoutingExplanation(
    "explicit",
    {"a": 0.25, "b": 0.75},
    0.56,
    ["c"],
    True,
    ["x -> a (class names)"],
    {"c": "late"},
    2.5,
    "0123456789ab",
    "image+text",
    "no router knows image",
    {"c": "ridge"},
)
ENCODING = Encoding(SPACE, Modality.TEXT, VECTOR, TOKENS, LABELS, 12, 3, EncodingSource.DISK)
TEXT = Content(Modality.TEXT, "Grüße, 世界")
ITEM = Item(
    "one",
    [Section("s", TEXT, "Title", "file:a", (7, 22)), Section("t", TEXT, continues=True)],
    "Book",
    {"year": 1990.0, "new": True, "by": "me"},
)
HIT = Hit("one", "Book", "s", "Title", Modality.IMAGE, "a cup", "file:a", {"year": 1.0}, 0.5, 0.25, None)
SHOWN = dataclasses.replace(
    HIT,
    region=Box(0.25, 0.5, 0.75, 0.5),
    span=(0, 5),
    pieces=[
        FoundPiece("s-2", "and a saucer", 0.25, (5, 17)),
        FoundPiece("s-3", "", 0.0, None, 0.5, 0.25, 0.125, True),
    ],
    multi_vector=REGIONS,
    vector=VECTOR,
    sections=[HIT],
    signals={"search": 0.5},
    also_in=[SameText("two", "Copy", "s", "file:b")],
    highlights=[Highlight((0, 5), 0.5), Highlight((6, 9), 0.0, -0.25)],
)
STEP = StageScores("merge", [0, 1], [0.5, 0.25], [1.0, 0.5], [0, 7], [1, 0], ["vector_alone", "both"])
LOCATORS = [
    Locator(LocatorKind.BYTE_SPAN, (0, 2)),
    Locator(LocatorKind.BOX, (0.25, 0.5, 0.75, 0.5)),
    Locator(LocatorKind.TIME_RANGE, (0.0, 0.5)),
]
ALIGNMENT = Alignment(
    [AlignedPair(LOCATORS[0], LOCATORS[1], 0.5, 0.25), AlignedPair(LOCATORS[2], LOCATORS[0], 0.5, 0.25)],
    np.full((2, 2), 0.25, np.float32),
)
DECISIONS = [
    Decision(one, {one: 0.75, AnswerAction.ANSWER: 0.25}, "linear", "1", "a", "b") for one in AnswerAction
]
