"""Ports for servers under measurement that nobody listens on."""

from __future__ import annotations

from tieback.serving.processes import free_port as chosen


def free_port() -> int:
    """A TCP port of the loopback interface, of those that the kernel gives to nobody else meanwhile."""
    return chosen.free_port("127.0.0.1", 0, "port")


def free_ports(count: int) -> list[int]:
    """As many of them, all different."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)
