"""A class has one meaning: the server and the SDK share it, or each has a name of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import tieback
import tieback_client
import tieback_contract
from tieback.core import errors
from tieback_client import errors as client_errors

GENERATED = Path(tieback.__path__[0], "v1")
KNOWN_TWICE = {
    "Item": "users write one of contents of any kind; the server's has contents that it read",
    "Section": "see Item",
    "Stage": "a retrieval runs stages; the contract tells how long each took",
}
"""Names that the server and the SDK both have, and why."""
ERRORS = set(vars(errors)) & set(vars(client_errors))
"""The server raises its own, and the SDK those that it makes of a status: `serving.failures` and `status`."""


def classes(folder: str) -> Iterator[str]:
    """The names of the classes below a folder, without those for one module alone."""
    for path in sorted(Path(folder).rglob("*.py")):
        if GENERATED not in path.parents:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    yield node.name


def test_no_class_of_the_server_has_the_name_of_another_one_of_the_sdk_or_of_the_contract() -> None:
    server = set(classes(tieback.__path__[0]))
    sdk, contract = (set(classes(one.__path__[0])) for one in (tieback_client, tieback_contract))

    assert server & (sdk | contract) - ERRORS == set(KNOWN_TWICE)
    assert sdk & contract == set()
