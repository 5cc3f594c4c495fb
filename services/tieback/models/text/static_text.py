"""Static text encoders: one vector per token, averaged. No session, no padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from safetensors import SafetensorError, safe_open
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.static_text import StaticText
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding, unit_rows
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.store import ServedModel
from tieback.models.text.tokenization import TextTokenizer, TokenizedText

TABLE, TOKENIZER = "table.safetensors", "tokenizer.json"
SIZES = (8, 64, 512)


class StaticTextModel:
    """Averages the rows of a table `[vocabulary, width]`, kept in the file's own precision."""

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:  # noqa: ARG002 - a table has no session
        self.card = card
        # A sequence's first token carries no word, and the mean would count it.
        self._tokenizer = TextTokenizer(
            served.path(TOKENIZER), max_tokens=card.max_tokens, special_tokens=False
        )
        options = card.options_for(StaticText)
        try:
            with safe_open(served.path(TABLE), "numpy") as file:
                self._table = file.get_tensor(options.tensor)
        except SafetensorError as error:
            raise StartupError(f"{card.name}: the table cannot be read: {error}") from error
        if self._table.ndim != 2 or self._table.shape[1] != card.width:
            raise StartupError(
                f"{card.name}: the table is {self._table.shape}; the card's width is {card.width}"
            )
        if self._tokenizer.vocabulary > len(self._table):
            raise StartupError(f"{card.name}: the tokenizer knows more tokens than the table has rows")

    @property
    def sizes(self) -> Sequence[int]:
        """Few: a text costs a little of its own, and the rest by the token."""
        return sorted({min(tokens, self.card.max_tokens or tokens) for tokens in SIZES})

    def sample(self, tokens: int) -> Prepared:
        """A text of that many tokens, whichever."""
        return Prepared(tokens, TokenizedText(np.arange(tokens, dtype=np.int64) % self._tokenizer.vocabulary))

    @property
    def window(self) -> int | None:
        """Tokens of a text that are averaged at most."""
        return self._tokenizer.room

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[tokens]`."""
        return self._tokenizer.starts(text)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        """Tokenises a text."""
        text, cut = self._tokenizer.read(content, limits, plan.truncation)
        return Prepared(len(text.ids), text, cut)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes the texts one by one: there is nothing to share."""
        return [self._encode(prepared.payload, plan) for prepared in batch]

    def warm_up(self) -> None:
        """Nothing is made on first use."""

    def _encode(self, text: TokenizedText, plan: EncodePlan) -> RawEncoding:
        rows = self._table[text.ids].astype(np.float32)
        dense = unit_rows(rows.mean(axis=0)) if VectorKind.DENSE in plan.kinds else None
        if VectorKind.MULTI_VECTOR not in plan.kinds:
            return RawEncoding(dense)
        return RawEncoding(dense, unit_rows(rows), Locators(LocatorKind.BYTE_SPAN, text.spans))
