"""How a recogniser's hypotheses are scored together with a language model.

A recogniser (of speech, of writing) extends several texts token by token. A method scores each of them by
the recogniser's probability and by what a language model, whose tokens are others, says of its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tieback_contract.arrays import Array

from tieback.core.family import Family

NO_FUSION = "none"
"""The method that asks no language model."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text as far as it was recognised: log-probability and number of the recogniser's `tokens`.

    `reading` is what the language model says of the text before the last token: one step late, so that the
    same reading serves all continuations of a text. It is of the type that the reader for the method makes
    (`recogniser/partners/`); None where no language model takes part.
    """

    log_probability: float
    tokens: int
    reading: Any = None


class RecognitionFusion(Protocol):
    """Scores hypotheses, of which the best are kept."""

    def __call__(self, hypotheses: Sequence[Hypothesis]) -> Array:
        """Scores `[hypotheses]` float64, higher for better ones."""
        ...


recognition_fusions: Family[RecognitionFusion] = Family(
    __name__, RecognitionFusion, called="way of fusing a recogniser with a language model"
)
