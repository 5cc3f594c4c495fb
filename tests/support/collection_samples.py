"""Collections, in one space and between two, to be written and read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from tieback.core.types.collection import FollowingVectors, IndexedSection, ReindexedPiece, StoredCollection
from tieback.core.types.fusion import Routing
from tieback.core.types.moving import SecondVector, StartedMove
from tieback_contract.collections import Source
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.hits import Mixture
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef, Vector

MADE = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
SPACE = SpaceRef("minilm", "abc123", "def456")
VECTOR = Vector(np.array([0.25, -0.5, 1.0], np.float32), SPACE, normalized=False)
TOKEN_VECTORS = TokenVectors(
    SPACE, 384, MethodChoice("ward", {"factor": 3}), MethodChoice("prefix", {"dimensions": 128})
)
SOURCE = Source("docs", "laptop", "/home/me/docs", 3, datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC))
FOLLOWING = FollowingVectors(
    [IndexedSection(VECTOR, "", Modality.TEXT)] * 2,
    [ReindexedPiece(0, "s", (0, 3)), ReindexedPiece(1, "t")],
)
SECOND = SecondVector(VECTOR, [IgnoredDimensions(Modality.IMAGE, 0, 2)])
MIXTURE = Mixture(3, 4, 1, 0.75, 0.5)
MOVING = StartedMove(SPACE, 768, 3, 20, paused=True, translation="a1b2", trust=0.75, translates_stored=True)
COLLECTIONS = [
    StoredCollection("books", SPACE, 384, 10, 20, MADE),
    StoredCollection("books", SPACE, 384, 10, 20, MADE, Routing("top_k", {}, {"k": 3.0}), 200),
    StoredCollection(
        "books",
        SPACE,
        384,
        10,
        20,
        MADE,
        Routing(imputation=MethodChoice("nearest_neighbours", {"k": 3})),
    ),
    StoredCollection("books", SPACE, 384, 0, 0, MADE, damage="its files are gone", sources=[SOURCE]),
    StoredCollection("books", SPACE, 384, 0, 0, MADE, stale="another revision is served"),
    StoredCollection(
        "books",
        SPACE,
        384,
        10,
        20,
        MADE,
        codec=MethodChoice("binary", {"oversampling": 16, "rescoring": "int8"}),
        resident_bytes=2**40,
        token_vectors=replace(TOKEN_VECTORS, stored_bytes=2**41),
    ),
    StoredCollection("books", SPACE, 384, 10, 20, MADE, moving=MOVING),
]
