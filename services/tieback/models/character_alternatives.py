"""A line of writing as its characters with their alternatives, for `models.recognition_search`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.core.types.arrays import Array

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
