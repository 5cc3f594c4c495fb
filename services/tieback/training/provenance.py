"""How something came about, as artifacts keep it beside what they hold."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tieback.training.source_digest import source_digest

PACKAGES = ("tieback", "torch", "onnx", "onnxruntime", "numpy", "tokenizers")


def made_by(*functions: Callable[..., Any], seconds: float) -> dict[str, Any]:
    """A hash over the source of what made it, the versions of packages, and how long it took."""
    return {"code": source_digest(*functions), "versions": _versions(), "seconds": round(seconds, 1)}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
