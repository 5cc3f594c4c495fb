"""Contents through one encoder, with the vectors of their parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.vectors import VectorKind

from tieback.artifacts import file_digest
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.content_rows import padded, row_kinds
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.recipes.trained import TrainingRun
from tieback.training.data.labelled_contents import LabelledContent

AT_ONCE = 16
"""Contents that an encoder reads at once."""


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


def labelled_rows(
    run: TrainingRun, card: EncoderCard, given: Sequence[LabelledContent], *, regions: bool
) -> tuple[Array, Array]:
    """`[contents, most rows, width]` and the mask; the whole's row first."""
    from tieback.models.loading import load_encoder, model_of

    contents = [
        (
            Content(card.modality, one.data if isinstance(one.data, str) else one.data.read_bytes()),
            one.place,
        )
        for one in given
    ]
    names = [one.data if isinstance(one.data, str) else file_digest(one.data) for one in given]

    def make() -> dict[str, Array]:
        run.say(f"encoding {len(contents)} contents by {card.name}")
        found = encoded_rows(load_encoder(card, run.store), contents, row_kinds(regions), at_once=AT_ONCE)
        rows, mask = padded([rows_of(one) for one in found])
        return {"rows": rows, "mask": mask.astype(np.uint8)}

    inputs = {
        "space": f"{card.space} {card.space.fingerprint}",
        "kinds": sorted(row_kinds(regions)),
        "contents": names,
    }
    step = run.steps.arrays(
        f"rows of {card.name}", encoded_rows, inputs, make, beside=(model_of(card), padded)
    )
    return step["rows"], step["mask"].astype(bool)


def rows_of(encoding: RawEncoding) -> Array:
    """The rows of a content, the whole's first."""
    if encoding.rows is not None:
        return encoding.rows
    if encoding.dense is None:
        raise ValueError("the encoder gave no vector, and one was asked for")
    return encoding.dense[None]
