"""The options of channels and servers are ones that gRPC knows: it passes over a misspelt one in silence."""

from __future__ import annotations

from pathlib import Path

from grpc._cython import cygrpc
from support.each import each
from tieback.serving import mesh
from tieback.serving.processes import server
from tieback.serving.settings import Settings
from tieback_client.transport.options import Options

BINARY = Path(cygrpc.__file__).read_bytes()
SERVER = server._options(Settings(connection_seconds=60), shared_port=True, behind=False)


@each("name", sorted({name for name, _ in (*SERVER, *mesh._OPTIONS, *Options().arguments("name"))}))
def test_grpc_knows_the_option(name: str) -> None:
    assert name.encode() + b"\0" in BINARY
