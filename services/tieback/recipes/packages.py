"""The packages that learning needs and serving does not."""

from __future__ import annotations

import importlib

from tieback_client.installing import how_to_install

from tieback.core.errors import StartupError

NEEDED = ("torch", "onnx")


def missing_package() -> str:
    """The first that is not installed; empty where all are."""
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            return error.name or name
    return ""


def check_packages(doing: str) -> None:
    """StartupError, with what to install, where one is not installed."""
    if missing := missing_package():
        raise StartupError(f"{doing} needs {missing}, which serving does not: {how_to_install('train')}")
