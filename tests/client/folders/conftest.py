"""A real index with one collection, and `tieback index` into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.command_line import Run
from support.small_library import small_library
from tieback_client import Client
from tieback_client.cli import app


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("library")) as served:
        yield served


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    """Its only collection is "docs", which is new."""
    with Client(address) as made:
        for one in list(made.collections()):
            made.delete_collection(one.name)
        yield made


@pytest.fixture
def run(address: str, client: Client) -> Run:
    """Runs `tieback index -c docs`, or with `command` another one."""

    def invoke(*words: str | Path, command: str = "index", **options: Any) -> Result:
        arguments = [*command.split(), *(["-c", "docs"] if command == "index" else []), *map(str, words)]
        return CliRunner().invoke(app.tieback, arguments, env={"TIEBACK_SERVER": address}, **options)

    return invoke


@pytest.fixture
def ids(client: Client) -> Callable[[], list[str]]:
    return lambda: [one.id for one in client.items("docs")]
