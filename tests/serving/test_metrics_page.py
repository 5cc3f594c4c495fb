"""The metrics port, which anybody may reach that the network lets."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tieback.core.errors import StartupError
from tieback.serving.metrics import scrape
from tieback.serving.metrics.scrape import CONNECTIONS, MetricsPage


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[MetricsPage]:
    monkeypatch.setattr(scrape, "IDLE_SECONDS", 0.5)
    made = MetricsPage("127.0.0.1", 0, lambda: b"tieback_up 1\n")
    yield made
    made.close()


def scraped(page: MetricsPage, path: str = "/metrics") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_scrape_is_answered(page: MetricsPage) -> None:
    assert scraped(page) == (200, b"tieback_up 1\n")
    assert scraped(page, "/elsewhere")[0] == 404


def test_a_page_whose_port_is_taken_says_which_and_by_what_to_choose_another(page: MetricsPage) -> None:
    with pytest.raises(
        StartupError, match=rf"127.0.0.1:{page.port} .*--metrics-port or TIEBACK_METRICS_PORT"
    ):
        MetricsPage("127.0.0.1", page.port, lambda: b"")


def test_an_idle_connection_is_closed(page: MetricsPage) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=5) as silent:
        silent.sendall(b"GET /met")

        assert silent.recv(1) == b""


def test_many_connections_have_few_threads_and_a_scrape_gets_in(
    page: MetricsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = threading.active_count()
    held = [socket.create_connection(("127.0.0.1", page.port), timeout=5) for _ in range(10 * CONNECTIONS)]
    for each in held:
        each.sendall(b"G")

    assert scraped(page) == (200, b"tieback_up 1\n")
    for _ in range(100):
        if threading.active_count() - before <= CONNECTIONS:
            break
        time.sleep(0.05)
    assert threading.active_count() - before <= CONNECTIONS
    assert held[0].recv(1) == b""  # the oldest was let go
    for each in held:
        each.close()
