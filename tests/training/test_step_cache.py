"""Steps are computed again when a default, a line of the method or an input changes, and for nothing else."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tieback.training.step_cache import StepCache, resolved

METHOD = '''"""Scales."""

import numpy as np

from {package}.helping import factor


def scale(rows, *, by=2.0, progress=print):
    """Rows times `by`."""
    return rows * by * factor()
'''
HELPING = """def factor():
    return 1.0
"""
UNUSED = """def other():
    return 1
"""


class Project:
    """A package of a method, what it imports, and a module that nothing imports."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.write("__init__", "")
        self.write("method", METHOD.format(package=name))
        self.write("helping", HELPING)
        self.write("unused", UNUSED)
        self.cache = StepCache(folder / "steps")

    def write(self, module: str, text: str) -> None:
        (self.folder / f"{module}.py").write_text(text)

    def change(self, module: str, old: str, new: str) -> None:
        text = (self.folder / f"{module}.py").read_text()
        assert old in text
        self.write(module, text.replace(old, new))

    def scaled(self, **parameters: Any) -> Any:
        """As a recipe does it, by the code as it is in the files now."""
        for module in [one for one in sys.modules if one.partition(".")[0] == self.name]:
            del sys.modules[module]
        importlib.invalidate_caches()
        scale = importlib.import_module(f"{self.name}.method").scale
        rows = parameters.pop("rows", np.arange(3.0))
        inputs = {"rows": rows, **parameters}
        step = self.cache.arrays("scale", scale, inputs, lambda: {"x": scale(rows, **parameters)})
        return step["x"].tolist()

    @property
    def computed(self) -> int:
        return len(self.cache.made)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.syspath_prepend(str(tmp_path))
    # Written and read within one second, a module's compiled form would be taken for current.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = f"small_project_{abs(hash(tmp_path)) % 10**8}"
    yield Project(tmp_path, name)
    for module in [one for one in sys.modules if one.partition(".")[0] == name]:
        del sys.modules[module]


def test_a_step_that_was_computed_is_found(project: Project) -> None:
    assert project.scaled() == [0, 2, 4]
    assert project.scaled() == [0, 2, 4]

    assert project.computed == 1
    assert project.cache.found == ["scale"]


def test_a_changed_default_recomputes(project: Project) -> None:
    project.scaled()
    project.change("method", "by=2.0", "by=3.0")

    assert project.scaled() == [0, 3, 6]


def test_a_default_that_is_given_is_the_same_configuration(project: Project) -> None:
    project.scaled()
    project.scaled(by=2.0)

    assert project.computed == 1
    assert project.scaled(by=5.0) == [0, 5, 10]


def test_a_changed_line_of_the_method_recomputes(project: Project) -> None:
    project.scaled()
    project.change("method", "rows * by", "rows + by")

    assert project.scaled() == [2, 3, 4]


def test_a_changed_line_of_what_the_method_imports_recomputes(project: Project) -> None:
    project.scaled()
    project.change("helping", "return 1.0", "return 10.0")

    assert project.scaled() == [0, 20, 40]


@pytest.mark.parametrize("rows", [np.arange(4.0), np.arange(3, dtype=np.float32), np.array([0.0, 1.0, 3.0])])
def test_a_changed_input_recomputes(project: Project, rows: Any) -> None:
    project.scaled()
    project.scaled(rows=rows)

    assert project.computed == 2


def test_comments_docstrings_form_and_modules_that_are_not_imported_change_nothing(
    project: Project,
) -> None:
    project.scaled()
    project.change("method", "    return rows", "    # Said better.\n\n    return rows")
    project.change("method", '"""Rows times `by`."""', '"""Each row, scaled."""')
    project.change("method", "rows * by * factor()", "(rows * by\n        * factor())")
    project.change("unused", "return 1", "return 2")

    assert project.scaled() == [0, 2, 4]
    assert project.computed == 1


def test_what_is_called_by_a_computed_name_counts_where_it_is_named(tmp_path: Path) -> None:
    cache, made = StepCache(tmp_path), {"x": np.ones(1)}

    cache.arrays("step", resolved, {}, lambda: made)
    cache.arrays("step", resolved, {}, lambda: made, beside=(json.dumps,))
    cache.arrays("step", resolved, {}, lambda: made, beside=(StepCache,))

    assert len(cache.made) == 2, "the second names a module; the third is in the first's own"


def test_a_broken_file_is_computed_again(project: Project) -> None:
    project.scaled()
    (file,) = project.cache.root.iterdir()
    file.write_bytes(file.read_bytes()[:20])

    assert project.scaled() == [0, 2, 4]
    assert project.computed == 2


def test_an_input_of_which_no_digest_can_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no digest is made of object"):
        StepCache(tmp_path).arrays("step", resolved, {"a": object()}, dict)


def test_what_no_run_has_used_for_a_week_is_removed(tmp_path: Path) -> None:
    cache = StepCache(tmp_path)
    for name in ("old", "new"):
        cache.arrays(name, resolved, {}, lambda: {"x": np.ones(1)})
    (old,) = tmp_path.glob("old-*")
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(old, (long_ago, long_ago))

    cache.forget_old()

    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["new"]
