"""A cross-encoder: a transformer that reads a query and a passage as one input and gives their score.

It sees every word of one beside every word of the other, where encoders read each by itself (Nogueira and
Cho, 2019, arXiv:1901.04085). So nothing of it can be computed before the query is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

from tieback.catalog.card import RerankerCard
from tieback.catalog.runtimes.yes_no_reranker import YesNoReranker
from tieback.core.errors import StartupError
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.store import ServedModel, Store
from tieback.models.text.sequence_graph import SequenceGraph
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import TOKENIZER
from tieback.models.text.yes_no_inputs import YesNoInputs

SCORE = "score"


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPair:
    """A query and a passage as one input: token numbers and types `[n]`, int64.

    `cut` tokens did not fit.
    """

    ids: Array
    types: Array
    cut: int = 0

    @property
    def tokens(self) -> int:
        """What it costs."""
        return len(self.ids)


class CrossEncoderModel:
    """Runs the graph of a card: `IDS`, `MASK` and maybe `TYPES` `[batch, tokens]` to `SCORE` `[batch]`."""

    def __init__(self, card: RerankerCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._tokenizer: TextTokenizer | YesNoInputs = (
            YesNoInputs(card, served.path(TOKENIZER))
            if isinstance(card.options, YesNoReranker)
            else TextTokenizer(served.path(TOKENIZER), max_tokens=card.max_tokens, special_tokens=True)
        )
        fewest = self._tokenizer.special_tokens_of_a_pair + 2
        if card.max_tokens < fewest:
            raise StartupError(
                f"{card.name} reads {card.max_tokens} tokens, and a pair has {fewest} at least; write "
                f"max_tokens: {fewest} or more"
            )
        self._graph = SequenceGraph(served, SCORE, card.max_tokens, hardware)

    @property
    def sizes(self) -> Sequence[int]:
        """Tokens of pairs whose cost is worth measuring, smallest first."""
        return self._graph.sizes

    def sample(self, tokens: int) -> PreparedPair:
        """A pair of that many tokens, whichever."""
        numbers = np.arange(tokens, dtype=np.int64) % self._tokenizer.vocabulary
        return PreparedPair(numbers, np.zeros_like(numbers))

    def prepare(self, query: str, passage: str) -> PreparedPair:
        """Tokenises texts, which were checked; for any thread. InvalidInput, about "first" or "second"."""
        return PreparedPair(*self._tokenizer.pair(query, passage))

    def run(self, batch: Sequence[PreparedPair]) -> list[float]:
        """The score of each pair, higher is better, padded to the longest."""
        scores = self._graph.run([pair.ids for pair in batch], [pair.types for pair in batch])
        return [float(score) for score in scores]


def load_cross_encoder(card: RerankerCard, store: Store, hardware: Hardware = PROCESSOR) -> CrossEncoderModel:
    """The card's model. StartupError names the file that is wrong and how to pull it."""
    served = store.open(card)
    try:
        return CrossEncoderModel(card, served, hardware)
    except (OSError, ValueError, KeyError) as error:
        raise StartupError(
            f"the model {card.name} cannot be loaded: {error}; run: tieback models pull {card.name}"
        ) from error
