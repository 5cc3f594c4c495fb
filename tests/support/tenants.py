"""A tokens file, written from the tokens that it is to let in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def write_tokens(path: Path, tenants: Mapping[str, Mapping[str, str]], **more: Mapping[str, Any]) -> Path:
    """`tenants` are roles by token by tenant; `more` are further keys of a tenant's entry, by tenant."""
    entries = {
        name: {"tokens": [{"sha256": digest(token), "role": role} for token, role in tokens.items()]}
        | dict(more.get(name, {}))
        for name, tokens in tenants.items()
    }
    path.write_text(yaml.safe_dump({"tenants": entries}))
    return path


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
