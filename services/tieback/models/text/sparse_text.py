"""Sparse text encoders: how much a text is about each term of a vocabulary, whether or not it holds the term.

SPLADE (Formal et al., 2021, arXiv:2107.05720, in the max-pooled form of arXiv:2109.10086): the
masked-language-model head scores at each token the terms that could stand there, and a term's weight is
max over tokens of log(1 + ReLU(logit)). Two texts compare by the dot product of their weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import VectorKind

from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback.models.reference import IDS, MASK
from tieback.models.text.tokenization import TokenizedText
from tieback.models.text.transformer_text import TransformerTextModel, in_steps, padded

WEIGHTS = "term_weights"

TOKENS_AT_ONCE = 1024
"""Padded tokens of one run: the graph holds a logit for each of them and each term, 125 MB of BERT's."""


class SparseTextModel(TransformerTextModel):
    """Runs a graph from `IDS` and `MASK` `[batch, tokens]` to `WEIGHTS` `[batch, vocabulary]`."""

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Weighs the terms of a batch, padded to its longest text."""
        if VectorKind.SPARSE not in plan.kinds:
            return [RawEncoding(None, None) for _ in batch]
        texts: list[TokenizedText] = [prepared.payload for prepared in batch]
        return [
            RawEncoding(None, None, sparse=positive(row))
            for part in parts_of(texts)
            for row in self.tensors([WEIGHTS], [text.ids for text in part])[0]
        ]

    @cached_property
    def terms(self) -> Sequence[str]:
        """The vocabulary: the name of each term by its number."""
        return self._tokenizer.names(self.card.width)

    def tensors(self, names: Sequence[str], rows: Sequence[Array]) -> list[Array]:
        """What the graph gives by those names for texts of these token numbers, a row for each text."""
        ids, mask = padded(rows)
        if self._in_steps:
            ids, mask = in_steps(ids, mask, self.sizes)
        found = self._session.run(list(names), {IDS: ids, MASK: mask})
        return [np.asarray(one[: len(rows)]) for one in found]


def parts_of(texts: Sequence[TokenizedText]) -> Iterator[Sequence[TokenizedText]]:
    """The texts in their order, as many at once as `TOKENS_AT_ONCE` allows, one at least."""
    longest = max(len(text.ids) for text in texts)
    at_once = max(1, TOKENS_AT_ONCE // longest)
    for begin in range(0, len(texts), at_once):
        yield texts[begin : begin + at_once]


def positive(weights: Array) -> tuple[Array, Array]:
    """The numbers and the weights of the terms of a row `[vocabulary]` that have some."""
    indices = np.flatnonzero(weights > 0.0)
    return indices.astype(np.int32), weights[indices]
