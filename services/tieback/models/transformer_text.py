"""Transformer text encoders: one graph from token numbers to a pooled, normalised vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.types import Content, Limits, Truncation, VectorKind
from tieback.models.content import read_text
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback.models.normalization import unit_rows
from tieback.models.session import Provider, Session
from tieback.models.store import ServedModel
from tieback.models.tokenization import TextTokenizer, TokenizedText

GRAPH, TOKENIZER = "model.onnx", "tokenizer.json"
DENSE, TOKENS = "dense", "token_states"


class TransformerTextModel:
    """Runs `GRAPH`: `input_ids` and `attention_mask` `[batch, tokens]` to `DENSE` and `TOKENS`."""

    pads = True

    def __init__(self, card: EncoderCard, served: ServedModel, provider: Provider = "cpu") -> None:
        self.card = card
        self._tokenizer = TextTokenizer(
            served.path(TOKENIZER), max_tokens=card.max_tokens, special_tokens=True
        )
        self._session = Session(served.path(GRAPH), provider)

    def prepare(self, content: Content, *, truncation: Truncation, limits: Limits) -> Prepared:
        """Tokenises a text."""
        text, cut = self._tokenizer(read_text(content, limits), truncation)
        return Prepared(len(text.ids), text, cut)

    def run(self, batch: Sequence[Prepared], kinds: frozenset[VectorKind]) -> list[RawEncoding]:
        """Encodes a batch, padded to its longest text."""
        texts: list[TokenizedText] = [prepared.payload for prepared in batch]
        longest = max(len(text.ids) for text in texts)
        ids = np.zeros((len(texts), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text.ids)] = text.ids
            mask[row, : len(text.ids)] = 1
        wanted = [DENSE] if VectorKind.DENSE in kinds else []
        wanted += [TOKENS] if VectorKind.TOKENS in kinds else []
        found = dict(
            zip(wanted, self._session.run(wanted, {"input_ids": ids, "attention_mask": mask}), strict=True)
        )
        dense, states = found.get(DENSE), found.get(TOKENS)
        return [
            RawEncoding(
                dense[row] if dense is not None else None,
                unit_rows(states[row, : len(text.ids)][text.words]) if states is not None else None,
                text.spans if states is not None else (),
            )
            for row, text in enumerate(texts)
        ]

    def warm_up(self) -> None:
        """Encodes a word."""
        prepared = self.prepare(
            Content(self.card.modality, "warm"), truncation=Truncation.END, limits=Limits()
        )
        self.run([prepared], self.card.kinds)
