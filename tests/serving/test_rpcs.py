"""Requests of RPCs are read as they were written, and their bad elements fail alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from support.contract_plain import plain
from support.each import each
from support.request_samples import REQUESTS
from tieback.core.call import NO_CALL, Call
from tieback.core.errors import InvalidInput
from tieback.core.types.encoding import EncodeRequest
from tieback.serving.requests import rpcs
from tieback.serving.servicers.of_port import answered
from tieback.v1 import content_pb2, encoder_pb2
from tieback_contract.field_path import at

TABLES = (
    *(rpcs.ENCODER, rpcs.ROUTER, rpcs.RERANKER, rpcs.GENERATOR, rpcs.GROUNDING, rpcs.RECOGNISER),
    *(rpcs.CLASSIFIER, rpcs.INDEX),
)
# The requests of others are the arguments of methods, or have samples in test_conversions.py.
RPCS = {
    rpc.request_message: rpc
    for table in TABLES
    for rpc in table.values()
    if rpc.signature is None and rpc.name != "search"
}


def test_every_rpc_has_a_sample() -> None:
    kinds = {type(one).__name__ for one in REQUESTS}

    assert {message.DESCRIPTOR.name for message in RPCS} == kinds


@each("value", REQUESTS)
def test_a_request_is_read_as_it_was_written(value: Any) -> None:
    (rpc,) = (one for one in RPCS.values() if one.request_message.DESCRIPTOR.name == type(value).__name__)
    message = rpc.request.write(value)

    again = rpc.request.read(type(message).FromString(message.SerializeToString()))

    assert plain(again) == plain(value)


@dataclass(frozen=True)
class Reply:
    """A result for each content."""

    results: list[Any]


async def test_what_cannot_be_read_fails_alone_and_errors_name_places_in_the_whole_request() -> None:
    async def encode(request: EncodeRequest, _: Call) -> Reply:
        assert [one.data for one in request.contents] == ["good", "bad"]
        assert request.adapters == ["b", "c"]
        unknown = InvalidInput("no such expert", field=at("adapters", 1))
        return Reply(["encoded", unknown])

    message = encoder_pb2.EncodeRequest(
        contents=[content_pb2.Content(), content_pb2.Content(text="good"), content_pb2.Content(text="bad")],
        adapters=["a", "b", "c"],
    )
    reply = await answered(encode, rpcs.ENCODER["encode"], message, NO_CALL)

    empty, encoded, unknown = reply.results
    assert (str(empty.field), encoded, str(unknown.field)) == ("contents[0]", "encoded", "adapters[2]")


async def test_where_nothing_can_be_read_nothing_is_asked() -> None:
    async def encode(_request: EncodeRequest, _call: Call) -> Reply:
        raise AssertionError("nothing is left to encode")

    with pytest.raises(InvalidInput) as refusal:
        message = encoder_pb2.EncodeRequest(contents=[content_pb2.Content()])
        await answered(encode, rpcs.ENCODER["encode"], message, NO_CALL)

    assert str(refusal.value.field) == "contents[0]"
