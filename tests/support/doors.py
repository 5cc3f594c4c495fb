"""A platform with doors in a process of its own: its stubs have the names of the clients'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.running_platform import Platform
from support.tenants import write_tokens

TOKEN = "a-token-of-the-tenant-alpha-0123456789"
SMALL = {
    "BINDING": "none",
    "GENERATOR_ENABLED": "false",
    "RECOGNISERS": "none",
    "DRAIN_SECONDS": "1",
}
"""Settings of a platform that begins in seconds."""


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Platform]:
    """A platform in one process with these settings, ended when it is left."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (SMALL | settings).items():
            environment.setenv(f"TIEBACK_{name}", value)
        platform = Platform(folder, "--local")
    try:
        yield platform.ready()
    finally:
        platform.kill()


@contextmanager
def guarded(folder: Path, doors: str, spaces: str) -> Iterator[Platform]:
    """One that asks for a token, and takes little."""
    tokens = write_tokens(folder / "tokens.yaml", {"alpha": {TOKEN: "read"}})
    with running(
        folder,
        DOORS=doors,
        SPACES=spaces,
        TOKENS=str(tokens),
        MESSAGE_BYTES=str(1 << 20),
        TEXT_BYTES="10000",
        BATCH_ITEMS="16",
    ) as platform:
        yield platform
