"""A server that comes back under its name at another address, as a pod does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from support.each import each
from support.name_server import NameServer
from support.ports import free_port
from tieback.milvus.connection import OPTIONS
from tieback_client.transport.options import Options

PATH = "/any/call"


@contextmanager
def served(address: str, port: int) -> Iterator[None]:
    """A server that says where it is."""
    where = grpc.method_handlers_generic_handler(
        "any", {"call": grpc.unary_unary_rpc_method_handler(lambda _request, _context: address.encode())}
    )
    server = grpc.server(ThreadPoolExecutor(1), handlers=[where])
    server.add_insecure_port(f"{address}:{port}")
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


@each("options", [Options().arguments(), list(OPTIONS.items())])
def test_it_is_found_within_seconds(options: list[tuple[str, object]]) -> None:
    port = free_port()
    with NameServer("127.0.0.2") as names:
        channel = grpc.insecure_channel(f"dns://127.0.0.1:{names.port}/tieback.test:{port}", options)
        ask = channel.unary_unary(PATH, None, None)
        with served("127.0.0.2", port):
            assert ask(b"", wait_for_ready=True, timeout=10) == b"127.0.0.2"
        with pytest.raises(grpc.RpcError):
            ask(b"", timeout=1)
        names.address = "127.0.0.3"
        begun = time.monotonic()
        with served("127.0.0.3", port):
            assert ask(b"", wait_for_ready=True, timeout=20) == b"127.0.0.3"
        channel.close()

    assert time.monotonic() - begun < 10  # and not 30
