"""Encodings by an encoder of a judged collection, with a row for every token; it is kept between runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback.answer.ingesting.headings import headed, titles
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from benchmarks.pipeline.judged import Judged

AT_ONCE = 4
PLAN = EncodePlan(kinds=frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR}), truncation=Truncation.END)


def encodings(
    judged: Judged, model: EncoderModel, cache: StepCache
) -> tuple[list[RawEncoding], list[RawEncoding]]:
    """Encodings of the documents below their titles, and for the questions.

    It is kept between runs, rows in half precision.
    """
    documents = [headed(titles(one.title), one.text) for one in judged.documents]
    texts = [*documents, *(one.words for one in judged.answerable)]
    space = model.card.space
    step = cache.arrays(
        f"token vectors of {judged.name} in {space.name}",
        encoded,
        {"space": f"{space} {space.fingerprint}", "texts": texts},
        lambda: _packed(encoded(model, texts)),
    )
    ends = np.cumsum(step["counts"])[:-1]
    every = [
        RawEncoding(dense, rows.astype(np.float32), Locators(LocatorKind.BYTE_SPAN, places.astype(np.int64)))
        for dense, rows, places in zip(
            step["dense"], np.split(step["rows"], ends), np.split(step["places"], ends), strict=True
        )
    ]
    return every[: len(documents)], every[len(documents) :]


def _packed(found: Sequence[RawEncoding]) -> dict[str, Array]:
    rows = [one.rows for one in found if one.rows is not None]
    return {
        "dense": np.stack([one.dense for one in found if one.dense is not None]),
        "rows": np.concatenate(rows).astype(np.float16),
        "places": np.concatenate([one.locators.places for one in found if one.locators is not None]),
        "counts": np.array([len(one) for one in rows]),
    }


def encoded(model: EncoderModel, texts: Sequence[str]) -> list[RawEncoding]:
    """Encodings of each text, in order."""
    prepared = [model.prepare(Content(Modality.TEXT, text), PLAN, Limits()) for text in texts]
    order = sorted(range(len(texts)), key=lambda place: prepared[place].tokens)
    found: dict[int, RawEncoding] = {}
    for begin in range(0, len(order), AT_ONCE):
        places = order[begin : begin + AT_ONCE]
        found |= zip(places, model.run([prepared[place] for place in places], PLAN), strict=True)
    return [found[place] for place in range(len(texts))]
