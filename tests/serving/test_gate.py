"""What a request may hold: counted before it is parsed."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from support.each import each
from support.small_server import channel, fuse_request, small_server
from support.statuses import Failure
from tieback.core.errors import InvalidInput
from tieback.serving.requests.contract import METHODS
from tieback.serving.requests.limits import UNKNOWN_FIELDS, Gate, bound
from tieback.v1 import (
    answer_pb2,
    content_pb2,
    encoder_pb2,
    generator_pb2,
    index_pb2,
    query_pb2,
    report_pb2,
    reranker_pb2,
    router_pb2,
    vector_pb2,
)
from tieback_contract.limits import Limits

LIMITS = Limits()
GATE = Gate(LIMITS)
WIDTHS = {FieldDescriptor.TYPE_FLOAT: 4, FieldDescriptor.TYPE_DOUBLE: 8}
"""Bytes of one packed number; the others are of at least one byte."""
FUSE = "/tieback.v1.RouterService/Fuse"


Form: TypeAlias = Any
"""A descriptor of a message, which the stubs know as two classes."""


def check(form: Form, data: bytes) -> None:
    GATE.check(form, data)


def fault(message: Form | Message, data: bytes = b"") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        if isinstance(message, Message):
            check(message.DESCRIPTOR, message.SerializeToString())
        else:
            check(message, data)
    return caught.value


def fields(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for one in message.fields:
        yield one
        if one.message_type is not None:
            yield from fields(one.message_type, seen)


REQUEST_FIELDS = [
    one
    for seen in [set[str]()]
    for method in METHODS.values()
    for one in fields(method.request, seen)
    if one.is_repeated or one.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
]


def test_requests_have_many_fields_that_need_a_bound() -> None:
    assert len(REQUEST_FIELDS) > 60


@each("one", REQUEST_FIELDS)
def test_every_field_of_every_request_has_a_bound_and_is_held_to_it(one: FieldDescriptor) -> None:
    limit = bound(one, LIMITS)
    assert 0 < limit.count <= max(LIMITS.numbers, LIMITS.batch_items, LIMITS.sections)
    if one.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        assert 0 < limit.bytes <= LIMITS.message_bytes
        tag = varint(one.number << 3 | 2)
        error = fault(one.containing_type, tag + varint(limit.bytes + 1) + bytes(limit.bytes + 1))
        assert str(limit.bytes) in error.message
        assert str(error.field).startswith(one.name)
    if one.is_repeated:
        assert not one.message_type or limit.count <= LIMITS.numbers
        if one.type in (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_STRING):
            data = (varint(one.number << 3 | 2) + b"\0") * (limit.count + 1)
        else:
            size = WIDTHS.get(one.type, 1) * (limit.count + 1)
            data = varint(one.number << 3 | 2) + varint(size) + bytes(size)
        error = fault(one.containing_type, data)
        assert f"at most {limit.count}" in error.message
        assert str(error.field) == one.name


def test_a_field_that_is_added_has_a_bound_by_its_kind() -> None:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="new.proto", package="new", syntax="proto3")
    message = file.message_type.add(name="Message")
    message.field.add(name="names", number=1, label=kinds.LABEL_REPEATED, type=kinds.TYPE_STRING)
    message.field.add(name="times", number=2, label=kinds.LABEL_REPEATED, type=kinds.TYPE_DOUBLE)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = pool.FindMessageTypeByName("new.Message")

    assert str(fault(made, b"\x0a\x00" * 1025).field) == "names"
    assert str(fault(made, b"\x0a" + varint(5000) + bytes(5000)).field) == "names[0]"
    assert str(fault(made, (b"\x11" + bytes(8)) * 65_537).field) == "times"
    assert str(fault(made, b"\x12" + varint(8 * 65_537) + bytes(8 * 65_537)).field) == "times"


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@each(
    "message, path",
    [
        (encoder_pb2.EncodeRequest(contents=[content_pb2.Content()] * 1025), "contents"),
        (
            encoder_pb2.EncodeStreamRequest(
                request=encoder_pb2.EncodeRequest(contents=[content_pb2.Content()] * 1025)
            ),
            "request.contents",
        ),
        (
            encoder_pb2.EncodeRequest(
                contents=[
                    content_pb2.Content(),
                    content_pb2.Content(token_ids=content_pb2.TokenIds(ids=[300] * 65_537)),
                ]
            ),
            "contents[1].token_ids.ids",
        ),
        (
            answer_pb2.IngestItemsRequest(
                items=[content_pb2.Item(), content_pb2.Item(sections=[content_pb2.Section()] * 4097)]
            ),
            "items[1].sections",
        ),
        (
            answer_pb2.IngestItemsRequest(
                items=[content_pb2.Item(sections=[content_pb2.Section(uri="u" * 4097)])]
            ),
            "items[0].sections[0].uri",
        ),
        (answer_pb2.RetrieveRequest(query=[answer_pb2.QueryPart()] * 65), "query"),
        (
            answer_pb2.AnswerRequest(
                retrieval=answer_pb2.RetrieveRequest(query=[answer_pb2.QueryPart()] * 65)
            ),
            "retrieval.query",
        ),
        (
            answer_pb2.RetrieveRequest(
                routing=router_pb2.Routing(weights={str(number): 1.0 for number in range(257)})
            ),
            "routing.weights",
        ),
        (
            generator_pb2.GenerateRequest(sampling=generator_pb2.SamplingParameters(stop=["."] * 17)),
            "sampling.stop",
        ),
        (
            generator_pb2.GenerateRequest(sampling=generator_pb2.SamplingParameters(stop=[".", "." * 257])),
            "sampling.stop[1]",
        ),
        (reranker_pb2.RerankRequest(candidates=[reranker_pb2.RerankCandidate()] * 1025), "candidates"),
        (index_pb2.GetItemRequest(collection="c", id="i" * 8_000_000), "id"),
        (index_pb2.DeleteItemsRequest(ids=["i"] * 1025), "ids"),
    ],
)
def test_what_is_too_much_is_named_by_its_path(message: Message, path: str) -> None:
    assert str(fault(message).field) == path


def test_parameters_are_bounded_in_number_and_in_depth() -> None:
    many = struct_pb2.Struct()
    many.update({str(number): True for number in range(257)})
    deep = struct_pb2.Struct()
    inner = deep
    for _ in range(12):
        inner = inner.fields["a"].struct_value
    long = struct_pb2.Struct()
    long.update({"list": [1.0] * 257})

    def at(parameters: struct_pb2.Struct) -> InvalidInput:
        return fault(query_pb2.QueryOptions(rank_fusion=report_pb2.Method(parameters=parameters)))

    assert str(at(many).field) == "rank_fusion.parameters.fields"
    assert at(deep).reason == "TOO_DEEP"
    assert str(at(long).field).endswith("list_value.values")


def test_what_is_within_the_limits_passes() -> None:
    parameters = struct_pb2.Struct()
    parameters.update({"a": {"b": [1.0, "two", None, True]}})
    whole = content_pb2.Content(text="t" * (2 << 20))  # too long, and an error of this content alone
    request = answer_pb2.RetrieveRequest(
        collection="c",
        query=[answer_pb2.QueryPart(content=whole, weight=1.0)] * 3,
        routing=router_pb2.Routing(weights={"a": 1.0}, parameters=parameters),
    )

    check(request.DESCRIPTOR, request.SerializeToString())
    check(router_pb2.FuseRequest.DESCRIPTOR, fuse_request().SerializeToString())
    check(encoder_pb2.EncodeRequest.DESCRIPTOR, b"")


def test_a_message_in_two_pieces_cannot_hold_twice_as_much() -> None:
    half = encoder_pb2.EncodeStreamRequest(
        request=encoder_pb2.EncodeRequest(contents=[content_pb2.Content()] * 600)
    ).SerializeToString()

    assert str(fault(encoder_pb2.EncodeStreamRequest.DESCRIPTOR, half + half).field) == "request"


def test_a_message_that_is_full_of_fields_is_refused() -> None:
    sections = [content_pb2.Section(content=content_pb2.Content(text="a"))] * 4000
    request = answer_pb2.IngestItemsRequest(items=[content_pb2.Item(sections=sections)] * 30)

    assert str(LIMITS.fields) in fault(request).message


def test_the_sections_of_all_items_are_bounded_together() -> None:
    item = content_pb2.Item(sections=[content_pb2.Section()] * 8)
    check(
        answer_pb2.IngestItemsRequest.DESCRIPTOR,
        answer_pb2.IngestItemsRequest(items=[item] * 900).SerializeToString(),
    )

    assert fault(answer_pb2.IngestItemsRequest(items=[item] * 1024)).reason == "TOO_MANY"


@pytest.mark.parametrize("field", [b"\xf8\x01\x01", b"\xf2\x01\x00", b"\xf5\x01\0\0\0\0"])
def test_fields_of_a_newer_contract_are_skipped_and_are_few(field: bytes) -> None:
    check(encoder_pb2.EncodeRequest.DESCRIPTOR, field * UNKNOWN_FIELDS)

    assert "does not know" in fault(encoder_pb2.EncodeRequest.DESCRIPTOR, field * 2_000_000).message


@each(
    "data",
    [
        b"\x0a\x05abc",  # ends within a text
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a length of 2**70
        b"\x20" + b"\xff" * 11 + b"\x01",  # a number of eleven bytes
        b"\x0b\x0c",  # a group
        b"\x00\x00",  # field 0
        b"\x12\x03\x0a\x05a",  # a content that ends behind its end
    ],
)
def test_bytes_that_are_no_message_are_malformed(data: bytes) -> None:
    assert fault(encoder_pb2.EncodeRequest.DESCRIPTOR, data).reason == "MALFORMED_MESSAGE"


@each(
    "data",
    [
        b"\x12\x00" * 4_000_000,
        b"\x78\x00" * 2_000_000,
        b"\x0a\x00" * 2_000_000,
        b"\x12\x02\x0a\x00" * 1_000_000,
    ],
)
def test_megabytes_of_tiny_fields_are_refused_at_once_and_cost_no_memory(data: bytes) -> None:
    tracemalloc.start()
    begin = time.perf_counter()
    fault(encoder_pb2.EncodeRequest.DESCRIPTOR, data)
    took = time.perf_counter() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert took < 0.5  # 1 ms; tracing and a busy machine make it more
    assert peak < 1 << 20


async def test_a_server_behind_the_gateway_counts_no_more() -> None:
    async with small_server(behind=True) as server, channel(server) as made:
        request = fuse_request()
        request.inputs[0].parts[0].encoding.labels.extend([content_pb2.Label()] * 1500)
        response = await made.unary_unary(FUSE, None, None)(request.SerializeToString())

        assert len(router_pb2.FuseResponse.FromString(response).results) == 1


async def test_requests_that_are_in_work_are_bounded_in_bytes() -> None:
    async with small_server(request_bytes=1) as server, channel(server) as made:
        call = made.unary_unary(FUSE, None, None)
        await call(fuse_request().SerializeToString())  # alone, any fits
        held = made.unary_stream("/tieback.v1.GeneratorService/Generate", None, None)(
            generator_pb2.GenerateRequest(prompt="endless").SerializeToString()
        )
        await held.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(fuse_request().SerializeToString())

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert Failure.of(caught.value).retry_seconds == 1.0
        held.cancel()


@each(
    "path, make",
    [
        ('routing.weights["a"]', lambda nan: router_pb2.Routing(weights={"a": nan})),
        ("routing.parameters.a", lambda nan: router_pb2.Routing(parameters=struct(a=nan))),
        (
            'routing.parameters.a[1]["b"]',
            lambda nan: router_pb2.Routing(parameters=struct(a=[0.0, {"b": nan}])),
        ),
        (
            "routing.imputation.parameters.a",
            lambda nan: router_pb2.Routing(imputation=report_pb2.Method(name="m", parameters=struct(a=nan))),
        ),
    ],
)
@each("nan", [float("nan"), float("inf"), float("-inf")])
async def test_a_number_that_is_none_is_an_invalid_argument(
    path: str, make: Callable[[float], router_pb2.Routing], nan: float
) -> None:
    async with small_server() as server, channel(server) as made:
        request = fuse_request()
        request.routing.CopyFrom(make(nan))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await made.unary_unary(FUSE, None, None)(request.SerializeToString())

        assert Failure.of(caught.value).code is grpc.StatusCode.INVALID_ARGUMENT
        assert Failure.of(caught.value).field == path


def struct(**values: Any) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def test_the_tensor_of_a_vector_has_few_axes() -> None:
    assert str(fault(vector_pb2.Tensor(shape=[1] * 9)).field) == "shape"
