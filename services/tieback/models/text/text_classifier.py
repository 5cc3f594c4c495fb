"""A user's own classifier: a transformer that reads a text, or two; logits of their labels, or of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.limits import Limits

from tieback.catalog.classifier_card import ClassifierCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.models.content import read_text
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.store import ServedModel, Store
from tieback.models.text.sequence_graph import SequenceGraph
from tieback.models.text.tokenization import TextTokenizer, TokenizedText
from tieback.models.text.transformer_text import TOKENIZER

LOGITS = "logits"
SECOND = "second"
"""The field of errors about the second text of a pair."""
FEWEST_OF_A_PAIR = 2
"""Tokens that there is room for at least where pairs are read, and special tokens around and between them."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedText:
    """A text, or two, as token numbers and types `[n]`; `cut` tokens did not fit.

    `text` says where the tokens of a single text are in it.
    """

    ids: Array
    cut: int = 0
    types: Array | None = None
    text: TokenizedText | None = None

    @property
    def tokens(self) -> int:
        """Its cost."""
        return len(self.ids)


class TextClassifierModel:
    """Runs the graph of a card, which gives `LOGITS` `[batch, labels]`, or `[batch, tokens, labels]`."""

    def __init__(self, card: ClassifierCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._tokenizer = TextTokenizer(
            served.path(TOKENIZER), max_tokens=card.max_tokens, special_tokens=True
        )
        if self._tokenizer.room is not None and self._tokenizer.room < 1:
            raise StartupError(f"{card.name} reads {card.max_tokens} tokens, which leaves none for a text")
        self._graph = SequenceGraph(served, LOGITS, card.max_tokens, hardware)

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
        return PreparedText(text.ids, cut, text=text)

    def prepare_pair(
        self, first: Content, second: Content, limits: Limits, truncation: Truncation
    ) -> PreparedText:
        """The same of two texts as one input; what is wrong with the second is about the field `SECOND`."""
        special = self._tokenizer.special_tokens_of_a_pair
        if special < FEWEST_OF_A_PAIR or self.card.max_tokens - special < FEWEST_OF_A_PAIR:
            raise InvalidInput(
                f"{self.card.name} reads one text: its tokenizer puts nothing between two, or there is no "
                "room for them; send one",
                field=SECOND,
            )
        text = read_text(first, limits)
        try:
            other = read_text(second, limits)
        except InvalidInput as error:
            raise error.about(at(SECOND)) from None
        try:
            pair = self._tokenizer.fitted_pair(text, other, truncation)
        except InvalidInput as error:
            raise error.moved(at("first"), at("text")) from None
        return PreparedText(pair.ids, pair.cut, pair.types)

    def run(self, batch: Sequence[PreparedText]) -> list[Array]:
        """The logits of each text, padded to the longest: `[labels]`, or of its tokens `[n, labels]`."""
        ids = [one.ids for one in batch]
        types = [one.ids * 0 if one.types is None else one.types for one in batch]
        rows = [np.asarray(row, np.float32) for row in self._graph.run(ids, types)]
        if self.card.problem != "tokens":
            return rows
        return [row[: one.tokens] for one, row in zip(batch, rows, strict=True)]


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
