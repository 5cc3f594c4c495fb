"""An `__init__` that takes long is run when somebody asks for what it holds, and a server does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tieback.core.imports import defer

NAME = "a_slow_package_of_this_test"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "__init__.py").write_text("from .slow import MOST\n")
    (folder / "slow.py").write_text("MOST = 5\n")
    (folder / "quick.py").write_text("LEAST = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield NAME
    for module in ("", ".slow", ".quick"):
        sys.modules.pop(NAME + module, None)


def test_a_module_of_it_is_imported_alone(package: str) -> None:
    defer(package)

    assert import_module(f"{package}.quick").LEAST == 1
    assert f"{package}.slow" not in sys.modules
    assert not hasattr(sys.modules[package], "__warningregistry__")
    assert f"{package}.slow" not in sys.modules


def test_what_is_asked_of_it_is_there(package: str) -> None:
    defer(package)

    assert import_module(package).MOST == 5
    with pytest.raises(AttributeError, match="NOTHING"):
        _ = import_module(package).NOTHING


def test_a_package_that_is_absent_or_was_imported_before_is_left_as_it_is(package: str) -> None:
    whole = import_module(package)

    defer(package)
    defer("a_package_that_nobody_has")

    assert sys.modules[package] is whole
    assert "a_package_that_nobody_has" not in sys.modules


def test_the_index_loads_no_client_of_rest_namespaces_and_whoever_wants_one_gets_it() -> None:
    program = (
        "import sys, tieback.index;"
        "print(*sorted(one for one in sys.modules if one.startswith('lance_namespace_urllib3_client.api')));"
        "from lance_namespace_urllib3_client import TableApi;"
        "print(TableApi.__name__)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout.split() == ["TableApi"], done.stderr
