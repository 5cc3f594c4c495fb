"""A library may be imported as where a package is absent, and a server does so with pandas."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tieback.core.imports import without


def test_a_package_is_not_found_inside_and_is_found_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_package_of_this_test.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    with without("a_package_of_this_test"), pytest.raises(ImportError, match="left out"):
        import_module("a_package_of_this_test")

    assert import_module("a_package_of_this_test")
    with without("a_package_of_this_test"):
        assert import_module("a_package_of_this_test")  # it is there already
    del sys.modules["a_package_of_this_test"]


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("tieback.index, tieback.serving.processes.lean_serve", {"pandas"}),
        ("tieback.milvus, tieback.operations.service", {"pandas", "faiss", "lancedb"}),
    ],
)
def test_a_process_loads_no_library_that_it_does_not_need(module: str, left_out: set[str]) -> None:
    program = f"import sys, {module}; sys.exit(bool({left_out} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_process_that_encodes_nothing_loads_no_models() -> None:
    program = (
        "import sys, tieback.serving.processes.lean_serve, tieback.serving.processes.replica;"
        "import tieback.serving.processes.gateway;"
        "sys.exit(str({'onnxruntime', 'faiss', 'lancedb', 'pandas'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == "set()"
