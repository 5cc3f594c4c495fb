"""The parsers that formats need, loaded when a file of the format comes."""

from __future__ import annotations

import importlib
from typing import Any

from tieback_client.errors import FailedPrecondition

_PACKAGES = {
    "PIL": "pillow",
    "chardetng_py": "chardetng_py",
    "defusedxml": "defusedxml",
    "docutils": "docutils",
    "markdown_it": "markdown-it-py",
    "openpyxl": "openpyxl",
    "pathspec": "pathspec",
    "pypdf": "pypdf",
    "turbohtml": "turbohtml",
    "striprtf": "striprtf",
    "yaml": "PyYAML",
}


def load(module: str, what: str) -> Any:
    """A module of one of the packages. `FailedPrecondition` names what to install, where it is not there."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = _PACKAGES[module.partition(".")[0]]
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise FailedPrecondition(
            f"reading {what} takes the package {package}, which is not installed: pip install {package}"
        ) from None
