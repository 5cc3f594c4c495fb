"""The repetition penalty: tokens that are there already become less likely."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from tieback_contract.arrays import Array


class RepetitionPenalty:
    """Divides positive scores of seen tokens by a factor and multiplies negative ones.

    The penalty of CTRL (Keskar et al., 2019, arXiv:1909.05858).

    `factor` 0 or 1 changes nothing. Seen are the tokens of the prompt and of the answer so far, as in
    transformers and vLLM: so above 1 it works against answers that quote their evidence.
    """

    def __init__(self, factor: float, prompt: Iterable[int]) -> None:
        self._factor = factor
        self._is_neutral = factor in (0.0, 1.0)
        self._seen = set() if self._is_neutral else set(prompt)

    def add(self, token: int) -> None:
        """Counts a token of the answer as seen."""
        if not self._is_neutral:
            self._seen.add(token)

    def apply(self, scores: Array) -> Array:
        """Scores `[vocabulary]` with the penalty; the same array where it changes nothing."""
        if self._is_neutral:
            return scores
        changed, seen = scores.copy(), np.fromiter(self._seen, np.int64, len(self._seen))
        known = scores[seen]
        changed[seen] = np.where(known > 0, known / self._factor, known * self._factor)
        return changed
