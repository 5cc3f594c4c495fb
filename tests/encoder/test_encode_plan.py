"""What is asked of an encoder is one value: cache keys, batches and runs follow from its fields."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.asking import encodings, texts
from support.bag_of_words import WIDTH, BagOfWords, card
from support.each import each
from support.lab import lab as lab
from tieback.catalog.card import EncoderCard
from tieback.catalog.merge import Merge
from tieback.core.call import NO_CALL
from tieback.core.types.content import Content
from tieback.core.types.encoding import CachePolicy, Concern, EncodePlan, EncodeRequest, Truncation
from tieback.encoder import Encoder
from tieback.encoder.cache.content_key import ContentKeys
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback_contract.encodings import EncodingSource, Reduction
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, SpaceRef, VectorKind
from tieback_lab.methods.conditional_projection import cross_attention
from tieback_lab.models.learned.conditional_space import ConditionalSpace

SPACE = "bag-of-words"
FIELDS = {one.name: one for one in dataclasses.fields(EncodePlan)}
OTHER: dict[str, Any] = {
    "width": 8,
    "dtype": DType.INT8,
    "kinds": frozenset({VectorKind.MULTI_VECTOR}),
    "batch_invariant": True,
    "terms": True,
    "truncation": Truncation.END,
    "layer": 1,
    "reduction": Reduction("pitome", 0.8),
    "earliest_layer": 1,
    "condition": "colour",
    "adapter": "owls",
    "mixture": (0.25, 0.75),
}
"""Another value of each field."""

CHANGED = {name: dataclasses.replace(EncodePlan(), **{name: value}) for name, value in OTHER.items()}


def concern(name: str) -> Concern | None:
    return FIELDS[name].metadata.get("concern")


def of(*concerns: Concern | None) -> list[str]:
    return [name for name in FIELDS if concern(name) in concerns]


class Listening(BagOfWords):
    """Keeps the plans that its runs get."""

    def __init__(self, folder: Path) -> None:
        measured = [{"ratio": 0.7, "speed": {128: 2}, "lost": {"STS": 0}}]
        offered: dict[str, Any] = {
            "layers": (1, 2),
            "deadline_exits": True,
            "reductions": {"pitome": {"measured": measured}},
        }
        own = card(folder, runtime="layered_text", options=offered)
        merge = Merge(method="twin", base="birds", experts=("owls",))
        super().__init__(own.model_copy(update={"merge": merge}).made_of([own]))
        self.plans: list[EncodePlan] = []

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        self.plans.append(plan)
        return super().run(batch, plan)


def learned(made_for: EncoderCard) -> ConditionalSpace:
    """Conditions of the model's vectors that were not trained."""
    rows = np.random.default_rng(0).normal(size=(4, 1, WIDTH)).astype(np.float32)
    state = cross_attention.start(rows, np.ones((4, 1), bool), conditions=1, inner=2, width=4, seed=0)
    return ConditionalSpace(
        made_for.name, Modality.TEXT, made_for.space, ("colour",), "cross_attention", state, False, "r"
    )


@pytest.fixture
def model(tmp_path: Path) -> Listening:
    return Listening(tmp_path)


@pytest.fixture
async def encoder(model: Listening) -> AsyncIterator[Encoder]:
    made = Encoder([model], conditions=[learned(model.card)])
    yield made
    await made.close()


def key(plan: EncodePlan) -> bytes:
    keys = ContentKeys(SpaceRef("words", "r1", "f1"), Limits())
    return keys.of([Content(Modality.TEXT, "tea")], plan)[0]


def test_every_field_is_tried() -> None:
    assert OTHER.keys() == FIELDS.keys()


@each("name", of(None, Concern.PREPARATION))
def test_a_field_that_moves_the_result_changes_the_key(name: str) -> None:
    assert key(CHANGED[name]) != key(EncodePlan())


@each("name", of(Concern.SHAPE, Concern.EXACTNESS, Concern.DEADLINE))
def test_a_field_that_a_result_is_shaped_by_shares_its_key(name: str) -> None:
    assert key(CHANGED[name]) == key(EncodePlan())
    assert CHANGED[name].batch == EncodePlan()


@pytest.mark.parametrize("name", of(None))
async def test_a_field_about_the_computation_reaches_the_model_in_a_batch_of_its_own(
    encoder: Encoder, model: Listening, name: str
) -> None:
    await encoder.encode(EncodeRequest(SPACE, texts("tea"), cache=CachePolicy.BYPASS), NO_CALL)
    await encoder.encode(EncodeRequest(SPACE, texts("tea"), CHANGED[name], cache=CachePolicy.BYPASS), NO_CALL)

    assert model.plans == [EncodePlan(), CHANGED[name]]
    assert CHANGED[name].batch != EncodePlan().batch


@pytest.mark.parametrize("name", list(FIELDS))
async def test_a_plan_is_answered_from_the_cache_where_one_result_can_answer_both(
    encoder: Encoder, name: str
) -> None:
    await encoder.encode(EncodeRequest(SPACE, texts("tea"), EncodePlan(batch_invariant=True)), NO_CALL)

    (found,) = encodings(await encoder.encode(EncodeRequest(SPACE, texts("tea"), CHANGED[name]), NO_CALL))

    shared = concern(name) in (Concern.SHAPE, Concern.EXACTNESS, Concern.DEADLINE)
    assert (found.source is EncodingSource.MEMORY) is shared


def test_texts_that_may_be_cut_share_a_batch_with_those_that_may_not() -> None:
    assert EncodePlan(truncation=Truncation.END).batch == EncodePlan().batch
