"""Requests that hold too much are refused, and nobody else feels it."""

from __future__ import annotations

import gzip

import grpc
import pytest
from support.attacks import attack, watched
from support.small_server import channel, small_server
from tieback.v1 import content_pb2, encoder_pb2, router_pb2

EMPTY_INPUTS = """
import sys, grpc
inputs = b"\\x0a\\x00" * 4_000_000
with grpc.insecure_channel(sys.argv[1]) as channel:
    for _ in range(20):
        call = channel.unary_unary(sys.argv[2]).future(inputs, timeout=60)
        print(call.code().name, call.details())
"""
FUSE = "/tieback.v1.RouterService/Fuse"
FREEZE = 2.0
"""Seconds. The aim is 0.1 s; a machine that runs tests has much else to do."""


async def test_a_bomb_of_a_few_kilobytes_is_refused_and_nobody_feels_it() -> None:
    bomb = gzip.compress(b"\x0a\x00" * 4_000_000)
    assert len(bomb) < 10_000
    async with (
        small_server() as server,
        channel(server) as made,
        watched(server.address) as felt,
    ):
        for _ in range(50):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await made.unary_unary(FUSE, None, None)(bomb)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "100 times its size" in str(caught.value.details())
        assert felt.growth < 64 << 20
        assert max(felt.checks) < FREEZE


async def test_megabytes_of_empty_inputs_are_refused_and_nobody_feels_it() -> None:
    async with small_server() as server, watched(server.address) as felt:
        refused = await attack(EMPTY_INPUTS, server.address, FUSE)

        assert (
            refused.split("\n")[:20]
            == ["INVALID_ARGUMENT more than 1024 are given; at most 1024 are taken"] * 20
        )
        assert felt.growth < 96 << 20  # of 160 MB that were sent, uncompressed
        assert max(felt.checks) < FREEZE


async def test_the_fullest_request_there_may_be_does_not_stop_the_others() -> None:
    part = router_pb2.FusePart(encoding=encoder_pb2.Encoding(labels=[content_pb2.Label()] * 200))
    request = router_pb2.FuseRequest(inputs=[router_pb2.FuseInput(parts=[part])] * 1000)
    async with (
        small_server() as server,
        channel(server) as made,
        watched(server.address) as felt,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await made.unary_unary(FUSE, None, None)(request.SerializeToString())

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert max(felt.checks) < FREEZE
        assert felt.growth < 64 << 20
