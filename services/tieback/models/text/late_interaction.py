"""Encoders for late interaction: a vector for each token, of queries and of documents by their own rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.late_interaction import DOCUMENT, QUERY, LateInteraction
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.content import read_text
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.store import ServedModel
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import (
    GRAPHS,
    SHORTEST,
    TOKENIZER,
    TOKENS,
    UNBOUNDED_TOKENS,
    check_precision,
    in_steps,
    padded,
)

MASKS = ("[MASK]", "<mask>")
ENDS = ("</s>", "<|endoftext|>", "<|im_end|>", "<eos>")
"""Tokens that queries are filled with: the first that a tokenizer has."""


@dataclass(frozen=True, slots=True)
class MarkedText:
    """Token numbers `ids` `[n]` with the marker; the first `attended` of them are attended to.

    `kept` `[n]` are the tokens that get a vector, and `spans` `[n, 2]` the bytes of the text that each is of.
    """

    ids: Array
    attended: int
    kept: Array
    spans: Array


class LateInteractionModel:
    """Runs the graph of a card for one side: `IDS` and `MASK` `[batch, tokens]` to `DENSE` and `TOKENS`.

    StartupError where a lower precision is further from float32 on this machine than the card allows.
    """

    pads = True

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        options = card.options_for(LateInteraction)
        self._expansion = options.expansion if options.prompt == QUERY else "none"
        longest = options.query_tokens if options.prompt == QUERY else card.max_tokens
        self._longest = longest
        self._marker = -1
        self._tokenizer = TextTokenizer(
            served.path(TOKENIZER), max_tokens=None if longest is None else longest - 1, special_tokens=True
        )
        self._marker = self._number(options.prefix, "the marker")
        self._filling = self._fills() if self._expansion != "none" else 0
        skipped = options.skipped if options.prompt == DOCUMENT else ()
        numbers = (self._tokenizer.number(token) for token in skipped)
        self._skipped = np.array([number for number in numbers if number is not None], np.int64)
        self._in_steps = hardware.provider == "cuda"
        graph = GRAPHS[card.precision]
        self._session = open_graph(served, graph, hardware, recurring_shapes=self._in_steps)
        check_precision(card, served, self._session)

    @property
    def sizes(self) -> Sequence[int]:
        """Powers of two, and the most that is read."""
        most = self._longest or UNBOUNDED_TOKENS
        return sorted({min(SHORTEST << power, most) for power in range(most.bit_length())})

    def sample(self, tokens: int) -> Prepared:
        """A text of that many tokens, whichever."""
        ids = np.arange(tokens, dtype=np.int64) % self._tokenizer.vocabulary
        kept, spans = np.ones(tokens, bool), np.zeros((tokens, 2), np.int64)
        return Prepared(tokens, MarkedText(ids, tokens, kept, spans))

    @property
    def window(self) -> int | None:
        """Tokens of a text that are read at most."""
        return self._tokenizer.room

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[tokens]`."""
        return self._tokenizer.starts(text)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        """Tokenises a text, puts the marker behind its first token, and fills up a query."""
        if isinstance(content.data, TokenNumbers):
            raise InvalidInput(
                "texts of this space get a marker and are sent as text, not as token numbers",
                field="token_ids",
            )
        text, cut = self._tokenizer(read_text(content, limits), plan.truncation)
        ids = np.insert(text.ids, 1, self._marker)
        places = np.zeros((len(text.ids), 2), np.int64)
        places[text.words] = text.spans
        places = np.insert(places, 1, 0, axis=0)
        attended = len(ids)
        if self._expansion != "none" and self._longest is not None and attended < self._longest:
            more = self._longest - attended
            ids = np.concatenate([ids, np.full(more, self._filling)])
            places = np.concatenate([places, np.zeros((more, 2), np.int64)])
            attended = len(ids) if self._expansion == "attended" else attended
        kept = ~np.isin(ids, self._skipped)
        return Prepared(len(ids), MarkedText(ids, attended, kept, places), cut)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes a batch, padded to its longest text."""
        texts: list[MarkedText] = [prepared.payload for prepared in batch]
        ids, mask = padded([text.ids for text in texts])
        for row, text in zip(mask, texts, strict=True):
            row[text.attended :] = 0
        if self._in_steps:
            ids, mask = in_steps(ids, mask, self.sizes)
        dense, states = self._session.run([DENSE, TOKENS], {IDS: ids, MASK: mask})
        return [
            RawEncoding(
                row if VectorKind.DENSE in plan.kinds else None,
                *(_rows(text, state) if VectorKind.MULTI_VECTOR in plan.kinds else ()),
            )
            for text, row, state in zip(texts, dense, states, strict=False)  # steps add rows behind
        ]

    def warm_up(self) -> None:
        """Encodes a word."""
        plan = EncodePlan(kinds=self.card.kinds, truncation=Truncation.END)
        self.run([self.prepare(Content(self.card.modality, "warm"), plan, Limits())], plan)

    def _number(self, token: str, what: str) -> int:
        number = self._tokenizer.number(token)
        if number is None:
            raise StartupError(f"{self.card.name}: {what} {token!r} is no token of {TOKENIZER}")
        return number

    def _fills(self) -> int:
        for name in (*MASKS, *ENDS):
            if (number := self._tokenizer.number(name)) is not None:
                return number
        raise StartupError(
            f"{self.card.name} fills its queries with mask tokens, and {TOKENIZER} has none of: "
            f"{', '.join((*MASKS, *ENDS))}; set expansion: none"
        )


def _rows(text: MarkedText, state: Array) -> tuple[Array, Locators]:
    """The vectors of the tokens that are kept `[rows, width]`, and their places in the text."""
    return state[: len(text.ids)][text.kept], Locators(LocatorKind.BYTE_SPAN, text.spans[text.kept])
