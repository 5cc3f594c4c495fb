"""Tokens per tenant, TLS and client certificates."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import grpc
import pytest
from support.certificates import DAY, NOW, Authority
from support.small_server import channel, fuse_request, small_server
from tieback.core.errors import StartupError, Unauthenticated
from tieback.serving import credentials
from tieback.serving.credentials import Tokens
from tieback.v1 import router_pb2_grpc


async def call(made: grpc.aio.Channel, token: str | None = None) -> None:
    metadata = (("authorization", token),) if token is not None else ()
    await router_pb2_grpc.RouterServiceStub(made).Fuse(fuse_request(), metadata=metadata, timeout=5)


async def refused(made: grpc.aio.Channel, token: str | None = None) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(made, token)
    return caught.value


@pytest.mark.parametrize("token", [None, "Bearer wrong", "Bearer ", "right", "Basic right"])
async def test_no_token_or_a_wrong_one_is_unauthenticated(tmp_path: Path, token: str | None) -> None:
    (tmp_path / "tokens").write_text("# tenants\nacme right\n")
    async with small_server(tokens=tmp_path / "tokens") as server, channel(server) as made:
        error = await refused(made, token)

        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "right" not in str(error.details())


async def test_a_right_token_is_let_in_plain_or_hashed(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"hashed").hexdigest()
    (tmp_path / "tokens").write_text(f"acme right\nother sha256:{digest}\n")
    async with small_server(tokens=tmp_path / "tokens") as server, channel(server) as made:
        await call(made, "Bearer right")
        await call(made, "bearer hashed")


def test_the_token_file_is_read_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "RECHECK_SECONDS", 0.0)
    path = tmp_path / "tokens"
    path.write_text("acme old\n")
    tokens = Tokens(path)
    assert tokens.tenant_of("Bearer old") == "acme"

    path.write_text("acme newer\n")

    assert tokens.tenant_of("Bearer newer") == "acme"
    with pytest.raises(Unauthenticated):
        tokens.tenant_of("Bearer old")


def test_a_token_file_that_breaks_leaves_the_last_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "RECHECK_SECONDS", 0.0)
    path = tmp_path / "tokens"
    path.write_text("acme good\n")
    tokens = Tokens(path)

    path.write_text("this line has too many words\n")

    assert tokens.tenant_of("Bearer good") == "acme"


@pytest.mark.parametrize("text", ["", "# nothing\n", "one-word\n"])
def test_a_token_file_without_tokens_stops_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens").write_text(text)

    with pytest.raises(StartupError, match="TENANT TOKEN"):
        Tokens(tmp_path / "tokens")


def trusting(
    authority: Authority, certificate: str | None = None, **validity: object
) -> grpc.ChannelCredentials:
    pair = authority.issue(certificate, **validity) if certificate else None
    return grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(),
        pair.key.read_bytes() if pair else None,
        pair.certificate.read_bytes() if pair else None,
    )


async def test_tls_serves_those_who_trust_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server")
    async with small_server(tls_certificate=pair.certificate, tls_key=pair.key) as server:
        async with channel(server, trusting(authority)) as made:
            await call(made)
        async with channel(server) as plaintext:
            assert (await refused(plaintext)).code() is grpc.StatusCode.UNAVAILABLE


async def test_mtls_lets_in_a_good_client_certificate_and_no_other(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger").issue("mallory")
    pair = authority.issue("server")
    async with small_server(
        tls_certificate=pair.certificate, tls_key=pair.key, tls_client_ca=authority.certificate
    ) as server:
        async with channel(server, trusting(authority, "client")) as made:
            await call(made)
        bad = {
            "none": trusting(authority),
            "expired": trusting(authority, "late", begin=NOW - 3 * DAY, end=NOW - 2 * DAY),
            "of another authority": grpc.ssl_channel_credentials(
                authority.certificate.read_bytes(),
                stranger.key.read_bytes(),
                stranger.certificate.read_bytes(),
            ),
        }
        for credentials_ in bad.values():
            async with channel(server, credentials_) as made:
                assert (await refused(made)).code() is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_is_rotated_without_a_restart(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    first = Authority(tmp_path)
    pair = first.issue("server")
    async with small_server(tls_certificate=pair.certificate, tls_key=pair.key) as server:
        async with channel(server, trusting(first)) as made:
            await call(made)
        second = Authority(tmp_path / "second")
        rotated = second.issue("server")
        pair.key.write_bytes(rotated.key.read_bytes())
        pair.certificate.write_bytes(rotated.certificate.read_bytes())
        later = pair.certificate.stat().st_mtime_ns + 10**9
        os.utime(pair.certificate, ns=(later, later))

        async with channel(server, trusting(second)) as made:
            await call(made)


async def test_health_checks_need_no_client_certificate_on_their_own_port(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    authority = Authority(tmp_path)
    pair = authority.issue("server")
    async with small_server(
        tls_certificate=pair.certificate,
        tls_key=pair.key,
        tls_client_ca=authority.certificate,
        health_port=unused_tcp_port,
    ):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{unused_tcp_port}") as made:
            answer = await health_pb2_grpc.HealthStub(made).Check(health_pb2.HealthCheckRequest())

        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_missing_certificate_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="TLS file"):
        async with small_server(tls_certificate=tmp_path / "a", tls_key=tmp_path / "b"):
            pass
