"""Contents through one encoder, with the vectors of their parts."""

from __future__ import annotations

from collections.abc import Sequence

from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.core.types.limits import Limits
from tieback.core.types.vectors import VectorKind
from tieback.models.encoder_model import EncoderModel, RawEncoding


def encoded_rows(
    model: EncoderModel,
    contents: Sequence[tuple[Content, str]],
    kinds: frozenset[VectorKind],
    *,
    at_once: int,
) -> list[RawEncoding]:
    """What the model gives of each content. InvalidInput names the place, given beside it, of a bad one."""
    plan = EncodePlan(kinds=kinds, truncation=Truncation.END)
    found: list[RawEncoding] = []
    for begin in range(0, len(contents), at_once):
        batch = []
        for content, place in contents[begin : begin + at_once]:
            try:
                batch.append(model.prepare(content, plan, Limits()))
            except InvalidInput as error:
                raise InvalidInput(f"{place}: {error.message}", field="data") from None
        found += model.run(batch, plan)
    return found
