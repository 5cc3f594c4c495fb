"""Calls over TLS and mutual TLS, with real certificates."""

from __future__ import annotations

import time
from concurrent import futures
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.canned.describing import Catalog
from support.canned.encoding import Encoder
from support.canned.log import Log
from support.certificates import DAY, NOW, Authority
from tieback.v1 import catalog_pb2_grpc, encoder_pb2_grpc
from tieback_client import AsyncClient, Client, Unavailable


class Secured:
    """A server that wants TLS, and a client's certificate where `mutual`."""

    def __init__(self, folder: Path, *, mutual: bool, **validity: datetime) -> None:
        self.authority = Authority(folder)
        pair = self.authority.issue("server", **validity)
        self._credentials = grpc.ssl_server_credentials(
            [(pair.key.read_bytes(), pair.certificate.read_bytes())],
            root_certificates=self.authority.certificate.read_bytes() if mutual else None,
            require_client_auth=mutual,
        )
        self._servers: list[grpc.Server] = []
        port, self.log = self.serve("127.0.0.1")
        self.address = f"127.0.0.1:{port}"

    def serve(self, host: str) -> tuple[int, Any]:
        """Starts a server with that certificate; returns its port and what it saw."""
        server, log = grpc.server(futures.ThreadPoolExecutor(2)), Log()
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(Catalog(log), server)
        encoder_pb2_grpc.add_EncoderServiceServicer_to_server(Encoder(log, 0), server)
        port = server.add_secure_port(f"{host}:0", self._credentials)
        server.start()
        self._servers.append(server)
        return port, log

    def stop(self) -> None:
        for server in self._servers:
            server.stop(0).wait()


@pytest.fixture
def secured(tmp_path: Path) -> Any:
    one = Secured(tmp_path, mutual=False)
    yield one
    one.stop()


@pytest.fixture
def mutual(tmp_path: Path) -> Any:
    one = Secured(tmp_path, mutual=True)
    yield one
    one.stop()


async def test_a_server_whose_authority_is_trusted_is_called(secured: Secured) -> None:
    with Client(secured.address, ca=secured.authority.certificate) as client:
        assert client.spaces()[0].name == "tiny"
    async with AsyncClient(secured.address, ca=secured.authority.certificate) as aclient:
        assert (await aclient.spaces())[0].name == "tiny"


def test_a_server_whose_authority_is_unknown_is_refused_with_the_way_out(secured: Secured) -> None:
    with (
        Client(secured.address, tls=True, connect_timeout=0.3) as client,
        pytest.raises(Unavailable, match=r"its certificate is not trusted.*pass ca"),
    ):
        client.spaces()


def test_an_expired_certificate_and_one_of_another_name_are_told_as_what_they_are(tmp_path: Path) -> None:
    expired = Secured(tmp_path, mutual=False, begin=NOW - 3 * DAY, end=NOW - 2 * DAY)
    with (
        Client(expired.address, ca=expired.authority.certificate, connect_timeout=0.3) as client,
        pytest.raises(Unavailable, match="its certificate has expired"),
    ):
        client.spaces()
    expired.stop()
    other = Secured(tmp_path, mutual=False)
    port, _ = other.serve("127.0.0.2")
    with (
        Client(f"127.0.0.2:{port}", ca=other.authority.certificate, connect_timeout=0.3) as client,
        pytest.raises(Unavailable, match="its certificate is for another name"),
    ):
        client.spaces()
    other.stop()


def test_a_client_without_tls_is_told_to_use_it(secured: Secured) -> None:
    with (
        Client(secured.address, connect_timeout=0.3) as client,
        pytest.raises(Unavailable, match="if it speaks TLS, pass tls= or ca="),
    ):
        client.spaces()


def test_a_client_with_tls_is_told_where_the_server_has_none(served: Any) -> None:
    with (
        Client(served.address, tls=True, connect_timeout=0.3) as client,
        pytest.raises(Unavailable, match="it does not use TLS"),
    ):
        client.spaces()


def test_a_client_shows_its_certificate_where_the_server_asks(mutual: Secured) -> None:
    own = mutual.authority.issue("client")

    with Client(
        mutual.address, ca=mutual.authority.certificate, certificate=own.certificate, key=own.key
    ) as client:
        assert client.spaces()[0].name == "tiny"


def test_a_client_without_a_certificate_is_turned_away(mutual: Secured) -> None:
    with (
        Client(mutual.address, ca=mutual.authority.certificate, connect_timeout=0.3) as client,
        pytest.raises(Unavailable, match="if it asks for a certificate, pass certificate= and key="),
    ):
        client.spaces()


def test_a_replica_that_is_asked_directly_shows_the_servers_certificate(secured: Secured) -> None:
    port, log = secured.serve("127.0.0.2")  # of this machine too, and not named in the certificate
    secured.log.endpoints = [f"127.0.0.2:{port}"]

    with Client(secured.address, ca=secured.authority.certificate, direct=True) as client:
        end = time.monotonic() + 5
        while "Encode" not in log.calls:
            client.encode("a", space="tiny")
            assert time.monotonic() < end
