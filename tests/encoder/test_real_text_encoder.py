"""The encoder service on MiniLM, where the model store has it: batching does not move a vector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from tieback.catalog.catalog import Catalog
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeReply, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

SPACE = "all-minilm-l6-v2"
TEXTS = [
    "A man is playing a guitar.",
    "Someone plays an instrument with strings.",
    "The stock market fell sharply on Monday after the central bank raised its rates again.",
    "Bees",
    "Wings that are swept back delay the rise of drag near the speed of sound. " * 6,
]


@pytest.fixture
async def encoder() -> AsyncIterator[Encoder]:
    card = next(card for card in Catalog.load().encoders() if card.name == SPACE)
    store = Store()
    if not store.is_ready(card):
        pytest.skip(f"the store has no {SPACE}; run: tieback models pull {SPACE}")
    made = Encoder([load_encoder(card.at("float32"), store)])
    yield made
    await made.close()


def vectors(reply: EncodeReply) -> Array:
    found = [result.vector for result in reply.results if isinstance(result, Encoding)]
    return np.array([one.values for one in found if one is not None])


def texts(*given: str) -> list[Content]:
    return [Content(Modality.TEXT, text) for text in given]


async def test_a_text_has_the_same_vector_alone_and_in_company(encoder: Encoder) -> None:
    alone = [vectors(await encoder.encode(EncodeRequest(SPACE, texts(text)), NO_CALL))[0] for text in TEXTS]
    together, *others = await asyncio.gather(
        encoder.encode(EncodeRequest(SPACE, texts(*TEXTS)), NO_CALL),
        *(encoder.encode(EncodeRequest(SPACE, texts(text)), NO_CALL) for text in TEXTS),
    )

    np.testing.assert_allclose(vectors(together), alone, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([vectors(reply) for reply in others]), alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1.0, atol=1e-5)


async def test_what_means_the_same_is_near(encoder: Encoder) -> None:
    found = vectors(await encoder.encode(EncodeRequest(SPACE, texts(*TEXTS)), NO_CALL))

    assert found[0] @ found[1] > 0.5 > found[0] @ found[2]


async def test_tokens_come_with_the_bytes_they_stand_for(encoder: Encoder) -> None:
    text = "Drei Bäume"

    reply = await encoder.encode(
        EncodeRequest(SPACE, texts(text), EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}))), NO_CALL
    )

    (found,) = reply.results
    assert isinstance(found, Encoding)
    assert found.multi_vector is not None
    spans = found.multi_vector.locators.places
    assert len(found.multi_vector) == len(spans)
    assert (spans[0, 0], spans[-1, 1]) == (0, len(text.encode()))


async def test_a_text_past_the_limit_says_how_long_it_may_be(encoder: Encoder) -> None:
    reply = await encoder.encode(EncodeRequest(SPACE, texts("word " * 2000, "fine")), NO_CALL)

    refused, fine = reply.results
    assert isinstance(refused, InvalidInput)
    assert str(refused.field) == "contents[0].text"
    assert isinstance(fine, Encoding)
