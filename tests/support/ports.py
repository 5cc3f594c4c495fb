"""A port that nobody listens on."""

from __future__ import annotations

from tieback.serving.processes import free_port as chosen


def free_port() -> int:
    """A TCP port of the loopback interface that was free a moment ago, for programs that take no port 0."""
    return chosen.free_port("127.0.0.1", 0, "port")
