"""A search under way: what is asked, and what was found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.hits import Hit
from tieback_contract.query import Granularity

from tieback.collections.diversity import candidates_for
from tieback.collections.query import Query
from tieback.core.deadline import Deadline
from tieback.core.types.search import Reached
from tieback.filters import Check, Scans
from tieback.index.memory.collection import Memory
from tieback.index.query.ranking import Ranker, Ranking
from tieback.index.query.recorder import Recorder

_NOTHING = Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32), None)


@dataclass(slots=True)
class Searching:
    """A search, as its stages hand it on. It runs in a thread, under the lock."""

    memory: Memory
    query: Query
    check: Check
    recorder: Recorder | None
    """Record of each stage, where that is asked for."""
    deadline: Deadline
    scans: Scans
    """Values that the filter read of the sections before the lock was taken."""

    allowed: Array = field(default_factory=lambda: np.zeros(0, bool))
    """The mask of sections that may be found."""
    reached: Reached | None = None
    """Depth of the search by the vector, where a measurement chose it."""
    asked: Ranker = field(init=False)
    """Sections by the query as it was given."""
    ranker: Ranker = field(init=False)
    """Sections by the query as it is searched for."""
    ranking: Ranking = _NOTHING
    groups: Sequence[Sequence[int]] = ()
    """Rows of the ranking by hit, best first: that of the hit, and those of its further sections."""
    scores: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    """The scores of the hits."""
    hits: list[Hit] = field(default_factory=list)
    positions: Sequence[int] = ()
    """Positions of the hits in memory."""

    @property
    def by_documents(self) -> bool:
        """Tell whether items are ranked as wholes."""
        return self.query.options.granularity is Granularity.DOCUMENT

    @property
    def wanted(self) -> int:
        """The number of hits to make; more where some are chosen of them."""
        return candidates_for(self.query.limit) if self.query.options.diversity else self.query.limit
