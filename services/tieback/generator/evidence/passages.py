"""A request's passages as the generator uses them: ranked for a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.answerability import Judgement
from tieback.methods.grounding import Passage, Place, Statement

__all__ = ["Place", "ReadEvidence", "ranked"]


@dataclass(frozen=True, slots=True)
class ReadEvidence:
    """Passages in the request's order, each with how its windows bear on the question, 0 to 1 `[windows]`.

    `asked` is the question. `aligned` is how well its tokens are aligned with those of each window, where
    they are read; there may be no relevances then. `told` has the windows that would be quoted, in their
    order, each with what is told before it. A window that was not encoded has a vector of zeros.
    """

    asked: Statement
    passages: Sequence[Passage]
    relevances: Sequence[Array]
    judgement: Judgement
    aligned: Sequence[Array]
    told: Mapping[Place, str] = field(default_factory=dict)

    def vector(self, number: int, window: int) -> Array:
        """The unit vector of a window `[width]`."""
        return np.asarray(self.passages[number].vectors[window])

    def was_encoded(self, number: int, window: int) -> bool:
        """Whether a window has a vector: none without a word does, nor any that was left out."""
        return bool(np.any(self.passages[number].vectors[window]))

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
        return [
            " ".join(self.text(number, window) for window in windows)
            for number, windows in self._chosen(most)
        ]

    def excerpt_vectors(self, most: int) -> Array:
        """The vectors of the same sentences in the same order `[sentences, width]`."""
        return np.stack(
            [self.vector(number, one) for number, windows in self._chosen(most) for one in windows]
        )

    def _chosen(self, most: int) -> list[tuple[int, list[int]]]:
        chosen: dict[int, list[int]] = {}
        for number, window in ranked(self.relevances)[:most]:
            chosen.setdefault(number, []).append(window)
        return [(number, sorted(windows)) for number, windows in reversed(chosen.items())]

    def nearest(self, vector: Array, wanted: int, most: int) -> list[str]:
        """The `wanted` sentences nearest to a unit vector `[width]`, `most` at most, the nearest last."""
        places = ranked([np.asarray(passage.vectors) @ vector for passage in self.passages])
        return [self.text(*place) for place in reversed(places[: min(wanted, most)])]


def ranked(values: Sequence[Array]) -> list[Place]:
    """The places of all windows by values of theirs, the highest first."""
    places = ((number, window) for number, own in enumerate(values) for window in range(len(own)))
    return sorted(places, key=lambda place: -float(values[place[0]][place[1]]))
