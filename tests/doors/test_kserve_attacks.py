"""What a hostile caller sends through the door of KServe is held to the platform's limits."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from support.doors import LITTLE, TOKEN, end_of_a_stream_that_is_not_read, guarded
from support.each import each
from support.running_platform import Platform
from tritonclient.grpc import service_pb2, service_pb2_grpc

MODEL = "wordllama-256"
MINE = (("authorization", f"Bearer {TOKEN}"),)
Input = service_pb2.ModelInferRequest.InferInputTensor


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with guarded(tmp_path_factory.mktemp("guarded"), "kserve", MODEL) as running:
        yield running


@pytest.fixture(scope="module")
def channel(platform: Platform) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(platform.address, [("grpc.max_send_message_length", -1)]) as made:
        yield made


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> Any:
    return service_pb2_grpc.GRPCInferenceServiceStub(channel)


def asked(*values: bytes, shape: list[int] | None = None, **more: Any) -> Any:
    contents = service_pb2.InferTensorContents(bytes_contents=values)
    given = shape if shape is not None else [len(values), 1]
    tensor = Input(name="text", datatype="BYTES", shape=given, contents=contents)
    return service_pb2.ModelInferRequest(model_name=MODEL, inputs=[tensor], **more)


def raw(data: bytes, shape: list[int], name: str = "text", datatype: str = "BYTES") -> Any:
    tensor = Input(name=name, datatype=datatype, shape=shape)
    return service_pb2.ModelInferRequest(model_name=MODEL, inputs=[tensor], raw_input_contents=[data])


def refusal(call: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_a_call_without_a_token_is_refused_whatever_it_asks(stub: Any) -> None:
    for call, request in (
        (stub.ModelInfer, asked(b"text")),
        (stub.ServerMetadata, service_pb2.ServerMetadataRequest()),
        (stub.RepositoryIndex, service_pb2.RepositoryIndexRequest()),
    ):
        error = refusal(lambda call=call, request=request: call(request))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED


def test_work_is_counted_for_the_tenant_of_the_token(platform: Platform, stub: Any) -> None:
    before = platform.value("tieback_tenant_requests_total", tenant="alpha")

    stub.ModelInfer(asked(b"text"), metadata=MINE)

    assert platform.value("tieback_tenant_requests_total", tenant="alpha") == before + 1
    assert platform.value(
        "tieback_requests_total", service="GRPCInferenceService", method="ModelInfer", code="OK"
    )


@each(
    "request_, said",
    [
        (asked(*[b"x"] * 1_025), "at most 1024 are taken"),
        (asked(b"x" * 32_769), "longer than 32768 bytes"),
        (asked(b"x", shape=[2, 1]), "the shape needs 2"),
        (asked(b"x", shape=[-1, 1]), "none is below 0"),
        (asked(b"x", shape=[1 << 62, 1 << 62]), "at most"),
        (asked(b"x", shape=[0, 1]), "1 values; the shape needs 0"),
        (asked(shape=[0, 1]), "0 rows; 1 to 1024 are taken"),
        (asked(b"x", shape=[]), "one axis at least"),
        (raw(b"\xff\xff\xff\xffx", [1, 1]), "not 1 values"),
        (raw(b"\x01\0\0", [1, 1]), "not 1 values"),
        (raw(b"\0" * 4 * 16, [17, 1]), "not 17 values"),
        (raw(b"\0" * 12, [1, 1 << 61], "input_ids", "INT64"), "the shape and the datatype need"),
        (raw(b"\0" * 8, [1, 1], "text", "INT64"), "is BYTES, not INT64"),
        (raw(b"x", [1], "text", "TYPE_STRING"), "no datatype"),
    ],
)
def test_a_tensor_that_lies_about_itself_is_refused_by_its_field(stub: Any, request_: Any, said: str) -> None:
    error = refusal(lambda: stub.ModelInfer(request_, metadata=MINE))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert said in error.details()
    assert any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata())


def test_what_is_too_large_or_a_bomb_is_refused_before_it_is_read(
    platform: Platform, channel: grpc.Channel
) -> None:
    call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", None, None)

    large = refusal(lambda: call(asked(b"x" * (2 << 20)).SerializeToString(), metadata=MINE))
    bomb = refusal(lambda: call(gzip.compress(b"\x2a\x00" * 4_000_000), metadata=MINE))
    many = refusal(lambda: call(b"\x2a\x00" * 400_000, metadata=MINE))
    torn = refusal(lambda: call(b"\x0a\xff\xff", metadata=MINE))

    assert large.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert bomb.code() is many.code() is torn.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "100 times its size" in bomb.details()
    assert "at most 1024 are taken" in many.details()


def test_a_deadline_and_a_timeout_end_a_call(stub: Any) -> None:
    timeout = {"timeout": service_pb2.InferParameter(int64_param=1)}

    late = refusal(lambda: stub.ModelInfer(asked(b"never seen before", parameters=timeout), metadata=MINE))

    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_the_rate_of_one_tenant_is_not_that_of_another(stub: Any) -> None:
    def ask(times: int, token: str) -> None:
        for number in range(times):
            texts = [f"text {number} of {place}".encode() for place in range(16)]
            stub.ModelInfer(asked(*texts), metadata=(("authorization", f"Bearer {token}"),))

    error = refusal(lambda: ask(100, LITTLE))
    ask(1, TOKEN)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "may have 1 tokens a second" in error.details()


def test_a_stream_that_nobody_reads_ends_and_the_server_goes_on(platform: Platform, stub: Any) -> None:
    large = asked(*[b"the same text"] * 16)
    call = stub.ModelStreamInfer((large for _ in range(5000)), metadata=MINE)

    end = end_of_a_stream_that_is_not_read(platform, call, "GRPCInferenceService", "ModelStreamInfer")

    assert end.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "nothing of the stream was read" in end.details()
    assert stub.ModelInfer(asked(b"text"), metadata=MINE).outputs


def test_a_stream_that_is_drained_answers_what_it_read_and_says_that_it_ends(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("drained")
    with (
        guarded(folder, "kserve", MODEL) as own,
        grpc.insecure_channel(own.address) as made,
    ):
        stub = service_pb2_grpc.GRPCInferenceServiceStub(made)

        def requests() -> Iterator[Any]:
            yield asked(b"one")
            own.process.terminate()
            own.process.wait(30)

        answers = stub.ModelStreamInfer(requests(), metadata=MINE)
        first = next(answers)
        error = refusal(lambda: next(answers))

    assert first.infer_response.outputs
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "shutting down" in error.details()
