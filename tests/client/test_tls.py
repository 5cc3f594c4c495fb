"""Calls over TLS and mutual TLS, with real certificates."""

from __future__ import annotations

from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.certificates import Authority
from tieback.v1 import catalog_pb2_grpc
from tieback_client import AsyncClient, Client, Unavailable


class Secured:
    """A server that wants TLS, and a client's certificate where `mutual`."""

    def __init__(self, canned: Any, folder: Path, *, mutual: bool) -> None:
        self.authority = Authority(folder)
        pair = self.authority.issue("server")
        credentials = grpc.ssl_server_credentials(
            [(pair.key.read_bytes(), pair.certificate.read_bytes())],
            root_certificates=self.authority.certificate.read_bytes() if mutual else None,
            require_client_auth=mutual,
        )
        self.server = grpc.server(futures.ThreadPoolExecutor(2))
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(canned.Catalog(canned.Log()), self.server)
        self.address = f"localhost:{self.server.add_secure_port('localhost:0', credentials)}"
        self.server.start()


@pytest.fixture
def secured(canned: Any, tmp_path: Path) -> Any:
    one = Secured(canned, tmp_path, mutual=False)
    yield one
    one.server.stop(0).wait()


@pytest.fixture
def mutual(canned: Any, tmp_path: Path) -> Any:
    one = Secured(canned, tmp_path, mutual=True)
    yield one
    one.server.stop(0).wait()


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


def test_a_client_without_tls_is_told_to_use_it(secured: Secured) -> None:
    with (
        Client(secured.address, connect_timeout=0.3) as client,
        pytest.raises(Unavailable, match="if it speaks TLS, pass tls or ca"),
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
        pytest.raises(Unavailable, match="if it asks for a certificate, pass certificate and key"),
    ):
        client.spaces()
