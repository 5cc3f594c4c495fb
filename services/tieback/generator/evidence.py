"""A request's passages as the generator uses them: ranked for a question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tieback.core.deadline import Deadline
from tieback.core.types.arrays import Array
from tieback.core.types.generation import Evidence
from tieback.generator.relevance import window_relevance
from tieback.grounding import PassageReader
from tieback.methods.grounding import Passage, words_of

Place = tuple[int, int]
"""Of a window: the number of its passage, and its own within it."""


@dataclass(frozen=True, slots=True)
class ReadEvidence:
    """Passages in the request's order, each with how its windows bear on the question, 0 to 1 `[windows]`."""

    sources: Sequence[Evidence]
    passages: Sequence[Passage]
    relevances: Sequence[Array]

    @property
    def relevance(self) -> float:
        """How well the best window bears on the question; 0 without any."""
        return max((float(values.max()) for values in self.relevances if len(values)), default=0.0)

    @property
    def ranked(self) -> list[Place]:
        """The places of all windows, those that bear most on the question first."""
        places = (
            (number, window) for number, values in enumerate(self.relevances) for window in range(len(values))
        )
        return sorted(places, key=lambda place: -self.value(*place))

    def value(self, number: int, window: int) -> float:
        """How a window bears on the question."""
        return float(self.relevances[number][window])

    def vector(self, number: int, window: int) -> Array:
        """The unit vector of a window `[width]`."""
        return np.asarray(self.passages[number].vectors[window])

    def text(self, number: int, window: int) -> str:
        """A window as it stands in its passage."""
        passage = self.passages[number]
        begin, end = passage.windows[window]
        return passage.text.encode()[begin:end].decode()

    def excerpt(self, most: int) -> list[str]:
        """The most relevant sentences, those of a passage together in their order, the best passage last.

        A small model takes what stands nearest to the question for the answer, and is lost in more than it
        needs.
        """
        chosen: dict[int, list[int]] = {}
        for number, window in self.ranked[:most]:
            chosen.setdefault(number, []).append(window)
        return [
            " ".join(self.text(number, window) for window in sorted(windows))
            for number, windows in reversed(chosen.items())
        ]


async def read_evidence(
    reader: PassageReader,
    question: str,
    evidence: Sequence[Evidence],
    deadline: Deadline,
    *,
    tokens: bool = False,
) -> ReadEvidence:
    """Reads passages, with `tokens` by the vectors of their tokens too, and how they bear on a question.

    InvalidInput where there is too much to read.
    """
    passages, [asked] = await reader.read(evidence, [question], deadline, tokens=tokens)
    relevances = await asyncio.to_thread(_relevances, question, asked.vector, passages, deadline)
    return ReadEvidence(evidence, passages, relevances)


def _relevances(question: str, vector: Array, passages: Sequence[Passage], deadline: Deadline) -> list[Array]:
    found, asked = [], words_of(question)
    for passage in passages:
        deadline.check("the evidence was read")
        found.append(window_relevance(asked, vector, passage))
    return found
