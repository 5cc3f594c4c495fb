"""Imports parts of a package without what its `__init__` imports, until somebody asks the package for it.

LanceDB imports the messages of `lance_namespace_urllib3_client`, whose `__init__` builds a client of a REST
service with hundreds of checked methods: a quarter of the processor time of a start, for what nobody calls.
"""

from __future__ import annotations

import logging.config
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any


def defer(package: str) -> None:
    """From now on, modules of the package are imported alone; its `__init__` runs when a name is asked for.

    Does nothing where the package is not installed, or was imported before.
    """
    spec = None if package in sys.modules else find_spec(package)
    if spec is None or spec.loader is None:
        return
    loader, module = spec.loader, module_from_spec(spec)

    def ask(name: str) -> Any:
        if name.startswith("__"):  # whoever looks at all modules asks for such names
            raise AttributeError(name)
        del module.__dict__["__getattr__"]
        loader.exec_module(module)
        return getattr(module, name)

    module.__dict__["__getattr__"] = ask
    sys.modules[package] = module


# Imports libraries as where a package is absent that they load if it is there, and that nobody needs here.
#
# pandas comes with pymilvus. PyArrow and Ray Serve load it for data frames that are handed to them: it
# takes a second of a start, and 40 MB of every process. What needs pandas itself imports it later as ever.
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


# pymilvus configures Python's logging where it is imported, which closes every handler of the process. Ray
# Serve's loses the file that it writes to. A controller that comes back asks for that file, and stopped every
# replica that had none.
@contextmanager
def keeping_logs() -> Iterator[None]:
    """Inside, `logging.config.dictConfig` does nothing."""
    configure = logging.config.dictConfig
    logging.config.dictConfig = lambda config: None  # noqa: ARG005 - the name that callers may use
    try:
        yield
    finally:
        logging.config.dictConfig = configure
