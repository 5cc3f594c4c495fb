import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.present import present
from support.sections import SPACE, WIDTH
from tieback.core.errors import TiebackError
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback.index.vectors import one_thread


@pytest.fixture(autouse=True, scope="session")
def _on_one_thread() -> None:
    """As the threads of an index have it."""
    one_thread()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def index(store: Path) -> AsyncIterator[Index]:
    """An index with one empty collection, "docs"."""
    index = Index.open(store)
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
