"""The file of tenants that a measured server is started with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def token_of(tenant: str) -> str:
    """The token of a tenant of a benchmark."""
    return f"the-token-of-{tenant}-in-a-benchmark"


def write_tokens(path: Path, tenants: Iterable[str]) -> Path:
    """Writes a file with one token for each tenant, who may do everything, and returns its path."""
    entries = {
        tenant: {
            "tokens": [{"sha256": hashlib.sha256(token_of(tenant).encode()).hexdigest(), "role": "admin"}]
        }
        for tenant in tenants
    }
    path.write_text(json.dumps({"tenants": entries}))  # which is YAML too
    return path
