"""A query and a passage in the template of a language model that is asked whether one answers the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tieback.catalog.card import RerankerCard
from tieback.catalog.runtimes.yes_no_reranker import YesNoReranker
from tieback.core.errors import InvalidInput
from tieback.models.text.card_inputs import CardInputs
from tieback.models.text.token_pairs import TokenizedPair
from tieback.models.text.tokenization import EMPTY


class YesNoInputs:
    """Fills the template of one card. Whatever has to be cut, the template stays whole."""

    def __init__(self, card: RerankerCard, tokenizer: Path) -> None:
        options = card.options_for(YesNoReranker)
        self._template, self._instruction = options.template, options.instruction
        self._most = card.max_tokens
        self._inputs = CardInputs.read(tokenizer)
        self.vocabulary = self._inputs.vocabulary
        self.special_tokens_of_a_pair = len(self._filled("", "").ids)
        """Those of the template."""

    def pair(self, first: str, second: str) -> TokenizedPair:
        """Query and passage, which were checked, as `TextTokenizer.pair` cuts them."""
        room = max(2, self._most - self.special_tokens_of_a_pair)
        query, lost = self._part(first, "first", room // 2)
        passage, cut = self._part(second, "second", room - len(self._inputs.starts(query)))
        made = self._filled(query, passage)
        while (over := len(made.ids) - self._most) > 0 and passage:
            # Texts can have more tokens beside each other than each by itself.
            starts = self._inputs.starts(passage)
            passage = passage[: int(starts[-over])] if over < len(starts) else ""
            cut += min(over, len(starts))
            made = self._filled(query, passage)
        return made._replace(cut=lost + cut)

    def _part(self, text: str, name: str, most: int) -> tuple[str, int]:
        """The first tokens of a text, and how many were cut off. InvalidInput where it has none."""
        starts = self._inputs.starts(text)
        if not len(starts):
            raise InvalidInput(EMPTY, field=name)
        return (text, 0) if len(starts) <= most else (text[: int(starts[most])], len(starts) - most)

    def _filled(self, query: str, passage: str) -> TokenizedPair:
        values = {"query": query, "document": passage, "instruction": self._instruction}
        ids = self._inputs.alone(self._template, values)
        return TokenizedPair(ids, np.zeros_like(ids), 0)
