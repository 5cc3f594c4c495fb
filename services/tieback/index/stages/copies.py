"""Other items that hold the texts of the hits."""

from __future__ import annotations

import dataclasses

from tieback.index.query.copies import same_texts
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _name(state: Searching) -> None:
    others = same_texts(state.memory, state.positions, state.allowed, whole=state.by_documents)
    each = zip(state.hits, others, strict=True)
    state.hits = [dataclasses.replace(hit, also_in=same) if same else hit for hit, same in each]


STEP = Step(_name, lambda state: not state.query.options.every_copy)
