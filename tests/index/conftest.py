import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from index.stores import EMBEDDED, SLOW_IN_MILVUS, stores_of
from support import milvus_lite
from support.present import present
from support.sections import SPACE, WIDTH
from support.sweep import sweep
from tieback.core.errors import TiebackError
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback.index.vectors import one_thread
from tieback.milvus import MilvusIndex
from tieback.milvus.connection import Milvus


@pytest.fixture(autouse=True, scope="session")
def _on_one_thread() -> None:
    """As the threads of an index have it."""
    one_thread()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs the tests of what the port promises over both stores."""
    if "kept_in" in metafunc.fixturenames:
        stores = stores_of(metafunc.module.__name__, metafunc.function.__name__)
        if len(stores) > 1:
            quick = stores[:1] if metafunc.function.__name__ in SLOW_IN_MILVUS else stores
            metafunc.parametrize("kept_in", sweep(stores, quick=quick))


@pytest.fixture
def kept_in() -> str:
    """Which store the index has."""
    return EMBEDDED


@pytest.fixture(scope="session")
def milvus_lite_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of Milvus Lite for all tests."""
    with milvus_lite.served(tmp_path_factory.mktemp("milvus") / "lite") as address:
        yield address


@pytest.fixture
def open_index(store: Path, kept_in: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Index]]:
    """Opens the test's store, or opens it again, as `Index.open` does."""
    if kept_in == EMBEDDED:
        yield lambda *arguments, **named: Index.open(store, *arguments, **named)
        return
    address = request.getfixturevalue("milvus_lite_address")

    def opened(*arguments: Any, **named: Any) -> Index:
        return cast(Index, MilvusIndex(Milvus(address), *arguments, **named))

    yield opened
    milvus_lite.emptied(address)


@pytest.fixture
async def index(open_index: Callable[..., Index]) -> AsyncIterator[Index]:
    """An index with one empty collection, "docs"."""
    index = open_index()
    await index.create_collection("docs", SPACE, WIDTH)
    yield index
    await index.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 6 MB, so that filling it hurts nobody."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


async def refusal(index: Index, indexed: IndexedItem) -> TiebackError:
    """Why the item is not written."""
    (error,) = (await index.upsert("docs", [indexed])).results
    return present(error)
