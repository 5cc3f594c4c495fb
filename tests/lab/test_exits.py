"""A run ends at an earlier layer where its deadline is near, the plan allows it, and the card was trained."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.asking import encodings, texts
from support.bag_of_words import BagOfWords, card
from support.each import each
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.encoder.space import TIME_SHARE
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback_contract.encodings import EncodingSource, Reduction
from tieback_lab.catalog.layered_runs import LayeredRuns

SPACE = "bag-of-words"
LAYERS = (1, 2, 10)
WORDS = "one two three four five six seven eight nine ten"
SECONDS = 0.1
"""Of a token through all layers: the ten words take a second, and a tenth of it at the first layer."""
NEAR = 0.5
EARLY = EncodePlan(earliest_layer=1)
CHOICES = LayeredRuns(LAYERS, True, {})


class Layered(BagOfWords):
    """Takes time in proportion to the layers that it runs, and keeps the layer of each run."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        facts: dict[str, Any] = {"layers": LAYERS, "deadline_exits": True}
        super().__init__(card(folder, runtime="layered_text", options=facts | changes))
        self.ran: list[int | None] = []

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        self.ran.append(plan.layer)
        time.sleep(SECONDS * sum(one.tokens for one in batch) * (plan.layer or LAYERS[-1]) / LAYERS[-1])
        return super().run(batch, plan)


@pytest.fixture
def model(tmp_path: Path) -> Layered:
    return Layered(tmp_path)


@pytest.fixture
async def encoder(model: Layered) -> AsyncIterator[Encoder]:
    """One that has run once, so that it knows what a token takes."""
    made = Encoder([model])
    await made.encode(EncodeRequest(SPACE, texts("warm " * 10), cache=CachePolicy.BYPASS), NO_CALL)
    while not made.load(SPACE).tokens_per_second:  # noqa: ASYNC110 - it is measured after the answer
        await asyncio.sleep(0.01)
    model.ran.clear()
    yield made
    await made.close()


async def test_with_little_time_a_run_ends_early_and_the_encoding_says_where(
    encoder: Encoder, model: Layered
) -> None:
    reply = await encoder.encode(EncodeRequest(SPACE, texts(WORDS), EARLY), Call(Deadline.after(NEAR)))

    (found,) = encodings(reply)
    assert model.ran == [1]
    assert found.layer == 1
    assert found.space == model.card.space_of("layer 1")
    assert found.vector is not None
    assert found.vector.space == found.space


async def test_with_time_enough_or_no_deadline_it_ends_at_the_last_layer(
    encoder: Encoder, model: Layered
) -> None:
    for deadline in (NO_DEADLINE, Deadline.after(60)):
        reply = await encoder.encode(
            EncodeRequest(SPACE, texts(WORDS), EARLY, cache=CachePolicy.BYPASS), Call(deadline)
        )

        (found,) = encodings(reply)
        assert (found.layer, found.space) == (10, model.card.space)
    assert model.ran == [None, None]


async def test_a_plan_that_does_not_allow_it_never_ends_early(encoder: Encoder, model: Layered) -> None:
    reply = await encoder.encode(EncodeRequest(SPACE, texts("one")), Call(Deadline.after(NEAR)))

    (found,) = encodings(reply)
    assert found.layer == 10
    assert model.ran == [None]


async def test_what_is_cached_is_kept_by_the_layer_that_was_computed(
    encoder: Encoder, model: Layered
) -> None:
    await encoder.encode(EncodeRequest(SPACE, texts(WORDS), EARLY), Call(Deadline.after(NEAR)))

    (by_number,) = encodings(
        await encoder.encode(EncodeRequest(SPACE, texts(WORDS), EncodePlan(layer=1)), NO_CALL)
    )
    (whole,) = encodings(await encoder.encode(EncodeRequest(SPACE, texts(WORDS), EARLY), NO_CALL))

    assert (by_number.source, by_number.layer) == (EncodingSource.MEMORY, 1)
    assert (whole.source, whole.layer) == (EncodingSource.COMPUTED, 10)
    assert model.ran == [1, None]


async def test_a_cached_vector_of_the_last_layer_answers_whatever_time_is_left(
    encoder: Encoder, model: Layered
) -> None:
    await encoder.encode(EncodeRequest(SPACE, texts(WORDS)), NO_CALL)

    request = EncodeRequest(SPACE, texts(WORDS, "another text of ten words that is not there yet"), EARLY)
    reply = await encoder.encode(request, Call(Deadline.after(NEAR)))

    known, new = encodings(reply)
    assert (known.source, known.layer, known.space) == (EncodingSource.MEMORY, 10, model.card.space)
    assert (new.source, new.layer, new.space) == (EncodingSource.COMPUTED, 1, model.card.space_of("layer 1"))


@each(
    "tokens, remaining, queued, rate, layer",
    [
        (10, 60, 0, 10, None),  # a second in sixty
        (10, 1, 0, 10, 2),  # a fifth of a second in a half; the last takes one
        (10, 0.3, 0, 10, 1),
        (10, 0.01, 0, 10, 1),  # nothing fits, so the earliest
        (10, 1, 4, 10, 1),  # others wait before it
        (10, float("inf"), 0, 10, None),
    ],
)
def test_the_latest_layer_is_chosen_that_fits_into_half_of_the_time(
    tokens: int, remaining: float, queued: int, rate: float, layer: int | None
) -> None:
    able = TIME_SHARE * remaining * rate - queued

    found = CHOICES.in_time(EncodePlan(width=8, earliest_layer=1), tokens, able)

    assert found == EncodePlan(width=8, layer=layer)


def test_no_layer_before_the_allowed_one_is_chosen() -> None:
    found = CHOICES.in_time(EncodePlan(earliest_layer=2), 10, 0.05)

    assert found.layer == 2


@pytest.mark.parametrize(
    ("changes", "plan", "message"),
    [
        (
            {"deadline_exits": False},
            EARLY,
            "no exits that a deadline.*not trained.*tieback train matryoshka2d",
        ),
        ({}, EncodePlan(earliest_layer=3), "not offered at layer 3; it is at: 1, 2, 10"),
        ({}, EncodePlan(earliest_layer=1, layer=2), "or there is a layer; leave one out"),
        ({}, EncodePlan(earliest_layer=1, reduction=Reduction("pitome")), "or there is a reduction"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], plan: EncodePlan, message: str
) -> None:
    encoder = Encoder([Layered(tmp_path, **changes)])

    with pytest.raises(InvalidInput, match=message) as refused:
        await encoder.encode(EncodeRequest(SPACE, texts("owl"), plan), NO_CALL)
    await encoder.close()

    assert str(refused.value.field) == "output.earliest_layer"


def test_a_card_without_layers_before_the_last_has_no_exits(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deadline_exits needs layers before the last"):
        Layered(tmp_path, layers=(10,))
