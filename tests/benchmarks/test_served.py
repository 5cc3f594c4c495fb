"""The servers that benchmarks measure are the ones that users start."""

from __future__ import annotations

import pytest

from benchmarks.served import asking

pytestmark = pytest.mark.all


def test_a_benchmark_starts_a_real_server_and_ends_it() -> None:
    with asking() as client:
        assert client.encode("a text", space="wordllama-256").vectors.shape == (1, 256)
