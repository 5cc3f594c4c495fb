"""Tokens per tenant, TLS and client certificates."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner
from support.certificates import DAY, NOW, Authority
from support.small_server import channel, fuse_request, small_server
from support.tenants import digest, write_tokens
from tieback.core.errors import StartupError, Unauthenticated
from tieback.core.tenant import AccessLevel
from tieback.serving.commands.tokens import tokens as tokens_command
from tieback.serving.security import credentials
from tieback.serving.security.certificate_expiry import Expiry
from tieback.serving.security.credentials import Tokens
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
    file = write_tokens(tmp_path / "tokens", {"acme": {"right": "read"}})
    async with small_server(tokens=file) as server, channel(server) as made:
        error = await refused(made, token)

        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "right" not in str(error.details())


async def test_a_right_token_is_let_in(tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"right": "read"}, "other": {"too": "admin"}})
    async with small_server(tokens=file) as server, channel(server) as made:
        await call(made, "Bearer right")
        await call(made, "bearer too")


def test_what_the_file_holds_lets_nobody_in_however_it_is_written(tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"right": "read"}})
    file.write_text(file.read_text().replace(digest("right"), digest("right").upper()))
    tokens = Tokens(file)
    assert tokens.principal_of("Bearer right").tenant == "acme"

    for known in (digest("right"), digest("right").upper()):
        for token in (known, f"sha256:{known}", f"SHA256:{known}"):
            with pytest.raises(Unauthenticated):
                tokens.principal_of(f"Bearer {token}")


def test_the_tokens_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"old": "read"}})
    tokens = Tokens(file)
    assert tokens.principal_of("Bearer old").access is AccessLevel.READ

    write_tokens(file, {"acme": {"newer": "admin"}})
    tokens.refresh()

    assert tokens.principal_of("Bearer newer").access is AccessLevel.ADMIN
    with pytest.raises(Unauthenticated):
        tokens.principal_of("Bearer old")


async def test_a_server_refuses_a_revoked_token_within_seconds_and_without_a_restart(tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"old": "read", "kept": "read"}})
    async with small_server(tokens=file) as server, channel(server) as made:
        await call(made, "Bearer old")

        write_tokens(file, {"acme": {"kept": "read"}})
        await asyncio.sleep(2 * credentials.RECHECK_SECONDS)

        assert (await refused(made, "Bearer old")).code() is grpc.StatusCode.UNAUTHENTICATED
        await call(made, "Bearer kept")


@pytest.mark.parametrize("text", ["", "tenants:\n", "tenants: {acme: {}}\n"])
def test_an_emptied_tokens_file_revokes_all(tmp_path: Path, text: str) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"good": "read"}})
    tokens = Tokens(file)

    file.write_text(text)
    tokens.refresh()

    assert tokens.is_current
    with pytest.raises(Unauthenticated):
        tokens.principal_of("Bearer good")


@pytest.mark.parametrize(
    "text", ["tenants: [\n", "acme good\n", "tenants: {acme: {tokens: [{role: read}]}}\n", None]
)
async def test_a_tokens_file_that_breaks_leaves_the_last_good_one_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.setattr(credentials, "RECHECK_SECONDS", 0.05)
    file = write_tokens(tmp_path / "tokens", {"acme": {"good": "read"}})
    async with small_server(tokens=file) as server, channel(server) as made:
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        await asyncio.sleep(0.4)

        await call(made, "Bearer good")
        assert server.value("tieback_tokens_file_current") == 0
        told = [record for record in caplog.records if record.levelname == "ERROR"]
        assert len(told) == 1
        assert "the tokens read before stay" in told[0].getMessage()

        write_tokens(file, {"acme": {"good": "read"}})
        await asyncio.sleep(0.4)
        assert server.value("tieback_tokens_file_current") == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "tenants: {acme: {}}\n"])
def test_a_tokens_file_without_tokens_stops_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens").write_text(text)

    with pytest.raises(StartupError, match="tieback tokens new"):
        Tokens(tmp_path / "tokens")


@pytest.mark.parametrize("text", ["acme right\n", "tenants: {acme: {tokens: right}}\n", None])
def test_a_tokens_file_that_cannot_be_used_stops_the_start(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "tokens").write_text(text)

    with pytest.raises(StartupError, match=r"TIEBACK_TOKENS: .*tieback tokens check"):
        Tokens(tmp_path / "tokens")


def test_a_new_token_is_let_in_by_the_entry_that_is_printed_with_it(tmp_path: Path) -> None:
    made = CliRunner().invoke(tokens_command, ["new", "--tenant", "acme", "--role", "write"])
    token = made.stdout.strip()
    entry = made.stderr.partition("names:")[2]
    (tmp_path / "tokens").write_text(f"tenants:\n{entry}\n")

    principal = Tokens(tmp_path / "tokens").principal_of(f"Bearer {token}")

    assert (principal.tenant, principal.access) == ("acme", AccessLevel.WRITE)
    assert token not in entry


def test_a_tokens_file_is_checked_without_a_server(tmp_path: Path) -> None:
    file = write_tokens(
        tmp_path / "tokens",
        {"acme": {"a": "read", "b": "admin"}, "globex": {"c": "write"}},
        globex={"shared": {"handbook": {"acme": "read"}}, "quota": {"items": 1000}},
    )
    good = CliRunner().invoke(tokens_command, ["check", str(file)])
    file.write_text("tenants: {acme: {tokns: []}}\n")
    bad = CliRunner().invoke(tokens_command, ["check", str(file)])

    assert good.exit_code == 0
    assert good.stdout.splitlines() == [
        "acme: 1 read, 1 admin",
        "globex: 1 write",
        "  shares handbook with acme for read",
        "  quota: 1,000 items",
    ]
    assert (bad.exit_code, "unknown key 'tenants.acme.tokns'" in bad.stderr) == (1, True)


def trusting(
    authority: Authority, certificate: str | None = None, **validity: Any
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
        assert round(server.value("tieback_certificate_seconds_left", door="grpc") / 86400) == 1
        rotated = second.issue("server", end=NOW + 5 * DAY)
        pair.key.write_bytes(rotated.key.read_bytes())
        pair.certificate.write_bytes(rotated.certificate.read_bytes())
        later = pair.certificate.stat().st_mtime_ns + 10**9
        os.utime(pair.certificate, ns=(later, later))

        async with channel(server, trusting(second)) as made:
            await call(made)
        assert round(server.value("tieback_certificate_seconds_left", door="grpc") / 86400) == 5


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


@pytest.mark.parametrize(
    ("days", "told"), [(-1, "has expired"), (1, "expires soon"), (30, ""), (10_000, ""), (30_000, "")]
)
def test_a_certificate_that_expires_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int, told: str
) -> None:
    end = NOW.replace(microsecond=0) + days * DAY
    pair = Authority(tmp_path).issue("server", begin=NOW - 5 * DAY, end=end)

    expiry = Expiry(pair.certificate.read_bytes())
    expiry.check()

    assert expiry.end == end
    assert [record.message for record in caplog.records if told not in record.message] == []
    assert len(caplog.records) == bool(told)


@pytest.mark.parametrize("chain", [b"", b"-----BEGIN CERTIFICATE-----MIIB-----END CERTIFICATE-----"])
def test_what_is_no_certificate_has_no_end(chain: bytes) -> None:
    assert Expiry(chain).end is None
