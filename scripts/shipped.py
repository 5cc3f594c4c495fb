"""The packages that a server consists of, by the two pyproject.toml and the metadata of what is installed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
OURS = {
    name: tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"]
    for name, path in (("tieback", "pyproject.toml"), ("tieback-client", "clients/pyproject.toml"))
}
VERSION: str = OURS["tieback"]["version"]
SERVING = ("milvus", "http")
"""What the image has beside a plain server."""


def packages(wanted: Iterable[str]) -> Mapping[str, Distribution]:
    """All that these requirements bring, by canonical name; without our own, and what is not installed."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(one) for one in wanted]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        for extra in ("", *one.extras):
            if (name, extra) in seen or (one.marker is not None and not one.marker.evaluate({"extra": ""})):
                continue
            seen.add((name, extra))
            if name in OURS:
                waiting += map(Requirement, _ours(OURS[name], extra))
                continue
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                continue
            waiting += [
                _without_marker(each)
                for each in map(Requirement, found[name].requires or ())
                if each.marker is None or each.marker.evaluate({"extra": extra})
            ]
    return dict(sorted(found.items()))


def _ours(project: Mapping[str, Any], extra: str) -> list[str]:
    named: list[str] = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return named


def _without_marker(one: Requirement) -> Requirement:
    one.marker = None
    return one
