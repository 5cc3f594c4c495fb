"""The servers that benchmarks measure are the ones that users start."""

from __future__ import annotations

import pytest

from benchmarks.served import served

pytestmark = pytest.mark.all


def test_a_benchmark_starts_a_real_server_and_ends_it() -> None:
    with served(local=True) as server, server.client() as client:
        assert client.encode("a text", space="wordllama-256").vectors.shape == (1, 256)
