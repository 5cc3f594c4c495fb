"""A port that nobody listens on."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A TCP port of the loopback interface that was free a moment ago, for programs that take no port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
