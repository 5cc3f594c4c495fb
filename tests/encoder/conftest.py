"""A small encoder, for tests that bring none of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.bag_of_words import BagOfWords, card
from tieback.encoder import Encoder
from tieback_contract.limits import Limits

LIMITS = Limits(batch_items=64, text_bytes=50_000, queued_tokens=1000)


@pytest.fixture
def model(tmp_path: Path) -> BagOfWords:
    return BagOfWords(card(tmp_path))


@pytest.fixture
async def encoder(model: BagOfWords) -> AsyncIterator[Encoder]:
    made = Encoder([model], limits=LIMITS, batch_tokens=100)
    yield made
    await made.close()
