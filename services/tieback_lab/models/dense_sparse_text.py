"""Text encoders of two views: a vector, and the words that a text is about, from one run.

The graph is that of `recipes/adapt/dense_sparse.py` (after RetroMAE-2, arXiv:2305.02564): `IDS` and `MASK`
`[batch, tokens]` to `DENSE` `[batch, width]` and `WEIGHTS` `[batch, vocabulary]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback.models.reference import DENSE
from tieback.models.text.sparse_text import WEIGHTS, SparseTextModel, parts_of, positive
from tieback.models.text.tokenization import TokenizedText
from tieback_contract.vectors import VectorKind


class DenseSparseTextModel(SparseTextModel):
    """Runs a graph that gives the dense vector beside the weights of all words."""

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Both views of a batch, padded to its longest text, or the one that is asked for."""
        texts: list[TokenizedText] = [prepared.payload for prepared in batch]
        outputs = [
            name
            for name, kind in ((DENSE, VectorKind.DENSE), (WEIGHTS, VectorKind.SPARSE))
            if kind in plan.kinds
        ]
        found: list[RawEncoding] = []
        for part in parts_of(texts):
            views = dict(zip(outputs, self.tensors(outputs, [text.ids for text in part]), strict=True))
            found.extend(
                RawEncoding(
                    views[DENSE][row] if DENSE in views else None,
                    sparse=positive(views[WEIGHTS][row]) if WEIGHTS in views else None,
                )
                for row in range(len(part))
            )
        return found

    @cached_property
    def terms(self) -> Sequence[str]:
        """The vocabulary: the name of each term by its number. The card's width is that of the vector."""
        return self._tokenizer.names(self._tokenizer.vocabulary)
