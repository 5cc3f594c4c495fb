"""The inner side with TLS: processes trust the platform's own certificate and nobody else's."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from support.certificates import Authority
from support.small_server import SmallServer, channel, fuse_request, small_server
from tieback.core.errors import StartupError
from tieback.serving.mesh.inner import channel_maker, inner_settings
from tieback.serving.security.credentials import server_credentials
from tieback.serving.settings import Settings
from tieback.v1 import router_pb2, router_pb2_grpc


async def fuse(channel: grpc.aio.Channel, inputs: int = 1) -> int:
    request = router_pb2.FuseRequest(inputs=[*fuse_request().inputs] * inputs)
    return len((await router_pb2_grpc.RouterServiceStub(channel).Fuse(request, timeout=5)).results)


async def test_processes_of_the_platform_reach_one_another_by_address(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server")
    settings = Settings(tls_certificate=pair.certificate, tls_key=pair.key)
    inner = inner_settings(settings)

    async with (
        small_server(
            tls_certificate=inner.tls_certificate, tls_key=inner.tls_key, tls_client_ca=inner.tls_client_ca
        ) as server,
        channel_maker(settings)(f"127.0.0.1:{server.port}", []) as channel,
    ):
        assert await fuse(channel) == 1


async def test_a_client_of_the_front_door_does_not_come_in_by_the_back(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair, client = authority.issue("server"), authority.issue("client")
    inner = inner_settings(
        Settings(tls_certificate=pair.certificate, tls_key=pair.key, tls_client_ca=authority.certificate)
    )
    credentials = grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(), client.key.read_bytes(), client.certificate.read_bytes()
    )

    async with (
        small_server(
            tls_certificate=inner.tls_certificate, tls_key=inner.tls_key, tls_client_ca=inner.tls_client_ca
        ) as server,
        grpc.aio.secure_channel(f"localhost:{server.port}", credentials) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await fuse(channel)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_replica_with_a_public_door_keeps_the_back_door_shut(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server")
    settings = Settings(tls_certificate=pair.certificate, tls_key=pair.key)
    replica = SmallServer(inner_settings(settings))
    public = replica.grpc.open("127.0.0.1", 0, server_credentials(settings))
    inner = await replica.grpc.start("127.0.0.1", 0)
    trusting = grpc.ssl_channel_credentials(authority.certificate.read_bytes())

    async with (
        grpc.aio.secure_channel(f"localhost:{public}", trusting) as client,
        grpc.aio.secure_channel(f"localhost:{inner}", trusting) as intruder,
        channel_maker(settings)(f"127.0.0.1:{inner}", []) as neighbour,
    ):
        assert await fuse(client) == 1
        assert await fuse(neighbour) == 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await fuse(intruder)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await replica.grpc.drain(0)


def test_a_key_that_is_another_certificates_stops_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, two = authority.issue("one"), authority.issue("two")

    with pytest.raises(StartupError, match="cannot be used together"):
        channel_maker(Settings(tls_certificate=one.certificate, tls_key=two.key))


async def test_behind_the_gateway_vectors_may_be_larger_than_what_they_were_made_of() -> None:
    async with small_server(message_bytes=1000) as door, channel(door) as public:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await fuse(public, 20)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async with small_server(message_bytes=1000, behind=True) as server, channel(server) as inner:
        assert await fuse(inner, 20) == 20


def test_a_call_through_the_gateway_has_one_line_in_the_log_and_not_one_of_each_replica() -> None:
    assert inner_settings(Settings()).log_level == "notice"
    assert inner_settings(Settings(direct=True)).log_level == "info"
    assert inner_settings(Settings(direct=True, log_level="notice")).log_level == "notice"
