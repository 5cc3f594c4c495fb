"""Ports that are chosen before their servers come up."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
from tieback.core.errors import StartupError
from tieback.serving.processes.free_port import free_port


def test_a_port_chosen_for_later_is_never_one_that_the_kernel_gives_away() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    for _ in range(20):
        assert not first <= free_port("127.0.0.1", 0, "port") <= last


def test_a_port_on_which_somebody_listens_is_refused_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartupError, match=rf"127.0.0.1:{port} .*--metrics-port"):
            free_port("127.0.0.1", port, "metrics-port")


def test_a_port_that_a_server_before_lets_go_in_time_is_waited_for_and_said_to_be() -> None:
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        threading.Timer(0.5, other.close).start()

        assert free_port("127.0.0.1", port, "metrics-port", patience=20, told=told.append) == port

    assert told == [f"port {port} (TIEBACK_METRICS_PORT) is taken; waiting up to 20 s for it"]


def test_an_address_of_another_machine_is_not_waited_for() -> None:
    begin = time.monotonic()

    with pytest.raises(StartupError, match=r"192.0.2.1:50051 .*--port or TIEBACK_PORT"):
        free_port("192.0.2.1", 50051, "port", patience=20)

    assert time.monotonic() - begin < 5


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port("127.0.0.1", 0, "port")
    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port
