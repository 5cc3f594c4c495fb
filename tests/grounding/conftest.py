"""A checker of claims on a small encoder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import bag_of_words
from tieback.encoder import Encoder
from tieback.grounding import ClaimChecker


@pytest.fixture
async def checker(tmp_path: Path) -> AsyncIterator[ClaimChecker]:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    yield ClaimChecker(encoder, space="bag-of-words")
    await encoder.close()
