"""The source digest follows what a function's module imports, as the interpreter would."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tieback.methods.projection import affine, procrustes
from tieback.training.digests import source_digest

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module of the package `digested`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name: str, text: str) -> None:
        path = tmp_path / "digested" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("__init__", "")
    write("inner/__init__", "")
    yield write
    for module in [one for one in sys.modules if one.partition(".")[0] == "digested"]:
        del sys.modules[module]


def made() -> Any:
    importlib.invalidate_caches()
    return importlib.import_module("digested.method").make


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("from digested.inner import deep", "inner/deep"),
        ("from digested.inner.deep import value", "inner/deep"),
        ("import digested.inner.deep", "inner/deep"),
        ("from .inner import deep", "inner/deep"),
        ("from .inner.deep import value", "inner/deep"),
        ("from digested.inner import name", "inner/__init__"),
    ],
)
@pytest.mark.parametrize("where", ["{line}\ndef make(): pass\n", "def make():\n    {line}\n"])
def test_every_way_to_import_is_followed(write: Write, line: str, module: str, where: str) -> None:
    write("inner/__init__", "name = 1\n")
    write("inner/deep", "value = 1\n")
    write("method", where.format(line=line))
    before = source_digest(made())

    write(module, "name = value = 2\n")

    assert source_digest(made()) != before


def test_imports_are_followed_through_other_modules_and_round_in_circles(write: Write) -> None:
    write("method", "from digested import between\ndef make(): pass\n")
    write("between", "from digested.inner import deep\n")
    write("inner/deep", "import digested.method\nvalue = 1\n")
    before = source_digest(made())

    write("inner/deep", "import digested.method\nvalue = 2\n")

    assert source_digest(made()) != before


def test_nothing_is_imported_to_be_read(write: Write) -> None:
    write("method", "def make():\n    from digested.inner.deep import value\n")
    write("inner/deep", "raise RuntimeError('this ran')\nvalue = 1\n")

    source_digest(made())

    assert "digested.inner.deep" not in sys.modules


def test_two_methods_of_a_family_have_digests_of_their_own() -> None:
    assert source_digest(affine.fit) != source_digest(procrustes.fit)
    assert source_digest(affine.fit, procrustes.fit) == source_digest(procrustes.fit, affine.fit)
    assert source_digest(affine.fit) == source_digest(affine.affine), "they are in one module"
