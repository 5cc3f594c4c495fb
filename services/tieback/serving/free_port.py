"""Ports to listen on that are free, and that stay free until their servers come up."""

from __future__ import annotations

import random
import socket

from tieback.core.errors import StartupError

UNASSIGNED = range(20_000, 30_000)
"""Where a free port is looked for: below those that the kernel gives to whoever asks for any (32768 and up
on Linux), above those of Ray's workers. Much is started between the choice and the listening, and one of its
connections might be given the port that was chosen."""

ATTEMPTS = 100


def free_port(host: str, port: int, option: str) -> int:
    """The port, or for 0 a free one. StartupError where somebody listens on it already.

    Gateways share their port, and so could a second platform: it must not take a share of the calls unseen.
    `option` is what the user would choose another with.
    """
    if port:
        return _checked(host, port, option)
    for candidate in random.sample(UNASSIGNED, ATTEMPTS):
        try:
            return _checked(host, candidate, option)
        except StartupError:
            continue
    return _checked(host, 0, option)  # one that the kernel gives


def _checked(host: str, port: int, option: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartupError(
                f"cannot listen on {host}:{port} ({error.strerror}); "
                f"choose another with --{option}, or stop what listens there"
            ) from None
        return int(probe.getsockname()[1])
