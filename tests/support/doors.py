"""A platform with doors in a process of its own: its stubs have the names of the clients'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from support.running_platform import Platform, wait_for
from support.tenants import write_tokens

TOKEN = "a-token-of-the-tenant-alpha-0123456789"
LITTLE = "a-token-of-the-tenant-beta-0123456789"
"""Of a tenant that may have one token computed a second."""
STALL_SECONDS = 1.0
SMALL = {
    "BINDING": "none",
    "GENERATOR": "none",
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
    tokens = write_tokens(
        folder / "tokens.yaml",
        {"alpha": {TOKEN: "read"}, "beta": {LITTLE: "read"}},
        beta={"quota": {"tokens_per_second": 1}},
    )
    with running(
        folder,
        DOORS=doors,
        SPACES=spaces,
        TOKENS=str(tokens),
        MESSAGE_BYTES=str(1 << 20),
        STALL_SECONDS=str(STALL_SECONDS),
    ) as platform:
        yield platform


def end_of_a_stream_that_is_not_read(platform: Platform, call: Any, service: str, method: str) -> Any:
    """How a stream ends whose caller takes one answer and then none until the server has let it go."""
    next(call)
    wait_for(lambda: platform.value("tieback_in_flight", service=service, method=method) == 0, 30)
    with pytest.raises(grpc.RpcError) as caught:
        for _ in call:
            pass
    return caught.value
