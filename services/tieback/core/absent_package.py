"""Imports libraries as where a package is absent that they load if it is there, and that nobody needs here.

pandas comes with pymilvus. PyArrow and Ray Serve load it for data frames that are handed to them: it takes a
second of a start, and 40 MB of every process. What needs pandas itself imports it later as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


class _Absent(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, fullname: str, *_: object) -> None:
        """Finds nothing, and nobody else may find the package."""
        if fullname == self._package:
            raise ModuleNotFoundError(f"{fullname} is left out here", name=fullname)


@contextmanager
def without(package: str) -> Iterator[None]:
    """Inside, the package is not found, unless it was imported before."""
    finder = _Absent(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
