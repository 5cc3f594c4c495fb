"""A line of writing as its characters with their alternatives, for `models.recognition_search`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

Alternatives = Sequence[tuple[str, float]]
"""What a place of the line may be, with probabilities: characters, or nothing."""


class CharacterAlternatives:
    """`Steps` of a line, one for each place. A token is the number of an alternative; the last is the end."""

    def __init__(self, places: Sequence[Alternatives]) -> None:
        self._places = places
        self.end = max(map(len, places), default=0)
        self._done = 0

    def first(self) -> Array:
        """As of `Steps`."""
        self._done = 0
        return self._row()[None]

    def after(self, parents: Sequence[int], tokens: Sequence[int]) -> Array:  # noqa: ARG002 - places do not depend on each other
        """As of `Steps`."""
        self._done += 1
        return np.tile(self._row(), (len(parents), 1))

    def text_of(self, tokens: Sequence[int]) -> bytes:
        """As of `Steps`."""
        places = zip(self._places, tokens, strict=False)
        return "".join(place[token][0] for place, token in places).encode()

    def _row(self) -> Array:
        row = np.full(self.end + 1, -np.inf)
        if self._done == len(self._places):
            row[self.end] = 0.0
        else:
            chances = [chance for _, chance in self._places[self._done]]
            row[: len(chances)] = np.log(np.maximum(chances, 1e-12))
        return row


def of_scores(scores: Array, characters: Sequence[str], *, most: int) -> list[Alternatives]:
    """A place for each character read in `scores` `[steps, 1 + characters]`, with `most` alternatives.

    The first score of a step is that of no character, which is an alternative as well. Steps in a row of
    which the same character is the best are one place, and their means its probabilities (Connectionist
    Temporal Classification: Graves et al., 2006).
    """
    best = scores.argmax(axis=1)
    begins = np.flatnonzero(np.append(True, best[1:] != best[:-1]))
    ends = np.append(begins[1:], len(best))
    places: list[Alternatives] = []
    for begin, end in zip(begins, ends, strict=True):
        if best[begin] != 0:
            chances = scores[begin:end].mean(axis=0)
            likely = np.argpartition(-chances, min(most, len(chances)) - 1)[:most]
            order = likely[np.argsort(-chances[likely], kind="stable")]
            places.append([(characters[one - 1] if one else "", float(chances[one])) for one in order])
    return places
