"""Encoders of pages as pictures, and of the queries that look for them: vectors of patches and of tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import WHOLE, Array, Box
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.visual_document import VisualDocument
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.content import read_text
from tieback.models.encoder_model import EncoderModel, Prepared, RawEncoding
from tieback.models.pictures.image_encoder import GRAPH, PIXELS, ImageEncoderModel
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.store import ServedModel
from tieback.models.text.card_inputs import CardInputs
from tieback.models.text.tokenization import EMPTY
from tieback.models.text.transformer_text import SHORTEST, TOKENIZER, TOKENS, padded

PATCHES = "patches"
"""The metric of an export that says how many patches a picture has; their grid is square."""


def load_side(card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> EncoderModel:
    """The model of a card's side: pages where its modality is that of pictures."""
    if card.modality is Modality.IMAGE:
        return PageModel(card, served, hardware)
    return QueryModel(card, served, hardware)


class PageModel(ImageEncoderModel):
    """Runs `GRAPH`: `PIXELS` `[batch, 3, height, width]` to `DENSE` and `TOKENS` `[batch, rows, width]`.

    Rows are those of the patches, row by row, then those of the text behind them.
    """

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        super().__init__(card, served, hardware)
        self._side = math.isqrt(int(served.manifest.metrics[PATCHES]))

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes a batch."""
        pixels = self._fitting.scaled(np.stack([prepared.payload for prepared in batch]))
        dense, rows = self._session.run([DENSE, TOKENS], {PIXELS: pixels})
        places = Locators.of(LocatorKind.BOX, self._boxes(rows.shape[1]))
        return [_encoding(*one, places, plan) for one in zip(dense, rows, strict=True)]

    def _boxes(self, rows: int) -> list[Box]:
        side = self._side
        cells = [Box(x / side, y / side, 1 / side, 1 / side) for y in range(side) for x in range(side)]
        return cells + [WHOLE] * (rows - len(cells))


class QueryModel:
    """Runs `GRAPH`: `IDS` and `MASK` `[batch, tokens]` to `DENSE` and `TOKENS` `[batch, tokens, width]`."""

    pads = True

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._template = card.options_for(VisualDocument).query
        self._inputs = CardInputs.read(served.path(TOKENIZER))
        self._session = open_graph(served, GRAPH, hardware)
        self._most = card.max_tokens or SHORTEST
        if self.window < 1:
            raise StartupError(
                f"{card.name} reads {self._most} tokens, and its template has as many; write a larger "
                "max_tokens"
            )

    @property
    def sizes(self) -> Sequence[int]:
        """Powers of two, and the most that is read."""
        return sorted({min(SHORTEST << power, self._most) for power in range(self._most.bit_length())})

    def sample(self, tokens: int) -> Prepared:
        """A query of that many tokens, whichever."""
        return Prepared(tokens, np.arange(tokens, dtype=np.int64) % self._inputs.vocabulary)

    @property
    def window(self) -> int:
        """Tokens of a query that are read at most, beside the template's."""
        return self._most - len(self._inputs.alone(self._template, {"query": ""}))

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[tokens]`."""
        return self._inputs.starts(text)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        """Puts a query into its template. InvalidInput where it is too long and must not be cut."""
        if isinstance(content.data, TokenNumbers):
            raise InvalidInput(
                "queries of this space stand in a template and are sent as text, not as token numbers",
                field="token_ids",
            )
        text, cut = read_text(content, limits), 0
        starts = self._inputs.starts(text)
        if not len(starts):
            raise InvalidInput(EMPTY, field="text")
        while (over := len(ids := self._filled(text)) - self._most) > 0:
            if plan.truncation is not Truncation.END:
                raise InvalidInput(
                    f"the text has {len(starts)} tokens, and this space reads {self.window} beside its "
                    "template",
                    field="text",
                )
            starts = self._inputs.starts(text)
            text, cut = text[: int(starts[-min(over, len(starts) - 1)])], cut + over
        return Prepared(len(ids), ids, cut)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes a batch, padded to its longest query."""
        ids, mask = padded([prepared.payload for prepared in batch])
        dense, rows = self._session.run([DENSE, TOKENS], {IDS: ids, MASK: mask})
        return [
            _encoding(
                row,
                states[: one.tokens],
                Locators(LocatorKind.BYTE_SPAN, np.zeros((one.tokens, 2), np.int64)),
                plan,
            )
            for one, row, states in zip(batch, dense, rows, strict=True)
        ]

    def warm_up(self) -> None:
        """Encodes a word."""
        plan = EncodePlan(kinds=self.card.kinds, truncation=Truncation.END)
        self.run([self.prepare(Content(self.card.modality, "warm"), plan, Limits())], plan)

    def _filled(self, text: str) -> Array:
        return self._inputs.alone(self._template, {"query": text})


def _encoding(dense: Array, rows: Array, places: Locators, plan: EncodePlan) -> RawEncoding:
    each = VectorKind.MULTI_VECTOR in plan.kinds
    return RawEncoding(
        dense if VectorKind.DENSE in plan.kinds else None,
        rows if each else None,
        places if each else None,
    )
