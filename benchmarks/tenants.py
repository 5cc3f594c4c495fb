"""The file of bearer tokens that a measured server is started with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def token_of(tenant: str) -> str:
    """The token of a tenant of a benchmark."""
    return f"the-token-of-{tenant}-in-a-benchmark"


def write_tokens(path: Path, tenants: Iterable[str]) -> Path:
    """Writes a file with one token for each tenant, and returns its path."""
    path.write_text("".join(f"{tenant} {token_of(tenant)}\n" for tenant in tenants))
    return path
