"""An extension outside of the tree, installed for a test: a package with its entry point."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tieback.core import extensions


def install(folder: Path, name: str, files: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    """Writes the package of this name, as an installer would, and finds it; `files` are by their paths in it.

    Folders become packages. It is used by whoever names it.
    """
    for path, source in {"__init__.py": "", **files}.items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        for parent in file.relative_to(folder).parents[:-1]:
            (folder / parent / "__init__.py").touch()
        file.write_text(source)
    told = folder / f"{name}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(f"[{extensions.GROUP}]\n{name} = {name}\n")
    patch.syspath_prepend(str(folder))
    patch.setenv(extensions.VARIABLE, "")
    extensions.installed.cache_clear()


def forget(name: str) -> None:
    """As in a process that never loaded it."""
    for module in [one for one in sys.modules if one.partition(".")[0] == name]:
        del sys.modules[module]
    extensions.installed.cache_clear()
