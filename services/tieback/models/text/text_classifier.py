"""A user's own classifier: a transformer that reads a text; a score for each of its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits

from tieback.catalog.classifier_card import ClassifierCard
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.store import ServedModel, Store
from tieback.models.text.sequence_graph import SequenceGraph
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import GRAPH, TOKENIZER

SCORES = "scores"


@dataclass(frozen=True, slots=True, eq=False)
class PreparedText:
    """A text as token numbers `[n]`; `cut` tokens did not fit."""

    ids: Array
    cut: int = 0

    @property
    def tokens(self) -> int:
        """Its cost."""
        return len(self.ids)


class TextClassifierModel:
    """Runs the graph of a card, which gives `SCORES` `[batch, labels]`."""

    def __init__(self, card: ClassifierCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._tokenizer = TextTokenizer(
            served.path(TOKENIZER), max_tokens=card.max_tokens, special_tokens=True
        )
        if self._tokenizer.room is not None and self._tokenizer.room < 1:
            raise StartupError(f"{card.name} reads {card.max_tokens} tokens, which leaves none for a text")
        self._graph = SequenceGraph(served.path(GRAPH), SCORES, card.max_tokens, hardware)

    @property
    def sizes(self) -> Sequence[int]:
        """Tokens of texts whose cost is worth measuring, smallest first."""
        return self._graph.sizes

    def sample(self, tokens: int) -> PreparedText:
        """A text of that many tokens, whichever."""
        return PreparedText(np.arange(tokens, dtype=np.int64) % self._tokenizer.vocabulary)

    def prepare(self, content: Content, limits: Limits, truncation: Truncation) -> PreparedText:
        """Tokenises a text; for any thread. InvalidInput where it is none, is empty, or is too long."""
        text, cut = self._tokenizer.read(content, limits, truncation)
        return PreparedText(text.ids, cut)

    def run(self, batch: Sequence[PreparedText]) -> list[Array]:
        """The scores `[labels]` of each text, padded to the longest."""
        ids = [one.ids for one in batch]
        return [np.asarray(row, np.float32) for row in self._graph.run(ids, [one * 0 for one in ids])]


def load_text_classifier(
    card: ClassifierCard, store: Store, hardware: Hardware = PROCESSOR
) -> TextClassifierModel:
    """The card's model. StartupError names the file that is wrong and how to pull it."""
    served = store.open(card)
    try:
        return TextClassifierModel(card, served, hardware)
    except (OSError, ValueError, KeyError) as error:
        raise StartupError(
            f"the model {card.name} cannot be loaded: {error}; run: tieback models pull {card.name}"
        ) from error
