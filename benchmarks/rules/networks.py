"""The text encoder, whose vectors say which sentences the rules are asked of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.methods.grounding import Statement
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

SPACE = "all-minilm-l6-v2"
PLAN = EncodePlan(kinds=frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR}), truncation=Truncation.END)
AT_ONCE = 16


class Networks:
    """That of the default text space, in this process, loaded when it is first asked."""

    @cached_property
    def _encoder(self) -> EncoderModel:
        [card] = [one for one in Catalog.load().encoders() if one.name == SPACE]
        return load_encoder(card, Store())

    def statements(self, texts: Sequence[str]) -> dict[str, Statement]:
        """The texts with their vectors and those of their tokens; one without a word has zeros."""
        width = self._encoder.card.width
        nothing = Statement("", np.zeros(width, np.float32), np.zeros((0, width), np.float32))
        found = {text: Statement(text, nothing.vector, nothing.rows) for text in texts}
        prepared = []
        for text in found:
            try:
                content = Content(Modality.TEXT, text)
                prepared.append((text, self._encoder.prepare(content, PLAN, Limits())))
            except InvalidInput:  # nothing in it that the encoder reads as a word
                continue
        prepared.sort(key=lambda one: one[1].tokens)
        for begin in range(0, len(prepared), AT_ONCE):
            some = prepared[begin : begin + AT_ONCE]
            for (text, _), raw in zip(some, self._encoder.run([one for _, one in some], PLAN), strict=True):
                if raw.dense is not None and raw.rows is not None:
                    found[text] = Statement(text, np.asarray(raw.dense), np.asarray(raw.rows))
        return found
