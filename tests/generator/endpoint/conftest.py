"""A small server of a language model, and a generator that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import bag_of_words
from support.chat_server import ChatServer, chat_server
from support.endpoint_asking import Asking
from tieback.encoder import Encoder


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server(ChatServer()) as running:
        yield running


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    yield encoder
    await encoder.close()


@pytest.fixture
def ask(encoder: Encoder) -> Asking:
    return Asking(encoder)
