"""Items as whole documents: of each its best section, with the next best ones beside it."""

from __future__ import annotations

from tieback.index.documents import documents
from tieback.index.stage_notes import note_documents
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _rank(state: Searching) -> None:
    found = documents(*(state.memory, state.ranker, state.allowed, state.wanted), folds=state.query.folds)
    state.ranking, state.groups, state.scores = found
    if state.recorder is not None:
        note_documents(state.recorder, *found)


STEP = Step(_rank, lambda state: state.by_documents, enters_itself=True)
