"""Ports to listen on that are free, and that stay free until their servers come up."""

from __future__ import annotations

import errno
import random
import socket
import time
from collections.abc import Callable

from tieback.core.errors import StartupError

UNASSIGNED = range(20_000, 30_000)
"""Where a free port is looked for: below those that the kernel gives to whoever asks for any (32768 and up
on Linux), above those of Ray's workers. Much is started between the choice and the listening, and one of its
connections might be given the port that was chosen."""

ATTEMPTS = 100
PAUSE = 0.2
"""Seconds between two looks at a port that is taken."""


def _nothing(_: str) -> None:
    """What is done with a message that nobody wants."""


def free_port(
    host: str, port: int, option: str, *, patience: float = 0.0, told: Callable[[str], None] = _nothing
) -> int:
    """The port, or for 0 a free one. StartupError where it is taken for longer than `patience` seconds.

    A server that ends holds its ports until it has drained, and the one after it waits for them; `told` is
    called with a message about it. Gateways share their port, and so could a second platform: it must not
    take a share of the calls unseen. `option` is what the user would choose another with.
    """
    if port:
        return _awaited(host, port, option, patience, told)
    for candidate in random.sample(UNASSIGNED, ATTEMPTS):
        try:
            return _bound(host, candidate)
        except OSError:
            continue
    return _awaited(host, 0, option, 0.0, told)  # one that the kernel gives


def way_out(option: str) -> str:
    """What to do where a port is taken that the option chooses."""
    return f"choose another with --{option} or {_variable(option)}, or stop what listens there"


def _awaited(host: str, port: int, option: str, patience: float, told: Callable[[str], None]) -> int:
    end = time.monotonic() + patience
    waits = False
    while True:
        try:
            return _bound(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= end:
                raise StartupError(
                    f"cannot listen on {host}:{port} ({error.strerror}); {way_out(option)}"
                ) from None
            if not waits:
                told(f"port {port} ({_variable(option)}) is taken; waiting up to {patience:g} s for it")
            waits = True
        time.sleep(PAUSE)


def _variable(option: str) -> str:
    return f"TIEBACK_{option.upper().replace('-', '_')}"


def _bound(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])
