"""A platform with its collections in Milvus, through the SDK, also while Milvus is away."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import milvus_lite
from support.local_platform import Running, served_locally
from support.running_platform import wait_for
from support.word_spaces import WORDS, write_words
from tieback.core.errors import StartupError
from tieback.models.pull import pull
from tieback.models.store import Store
from tieback.serving.settings import Settings, load_settings
from tieback_client import Client, Health, Item, Section, Unavailable

INDEX = "tieback.v1.IndexService"


@pytest.fixture
def server(folder: Path) -> Iterator[milvus_lite.OwnProcess]:
    with milvus_lite.in_own_process(folder) as running:
        yield running
