from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support import milvus_lite
from support.sections import SPACE, WIDTH
from tieback.milvus import MilvusIndex
from tieback.milvus.connection import Milvus


@pytest.fixture(scope="session")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of Milvus Lite for all tests."""
    with milvus_lite.served(tmp_path_factory.mktemp("milvus") / "lite") as address:
        yield address


@pytest.fixture
def address(lite: str) -> Iterator[str]:
    """A server without collections."""
    yield lite
    milvus_lite.emptied(lite)


@pytest.fixture
async def index(address: str) -> AsyncIterator[MilvusIndex]:
    """An index with one empty collection, "docs"."""
    index = MilvusIndex(Milvus(address))
    await index.create_collection("docs", SPACE, WIDTH)
    yield index
    await index.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lite"
