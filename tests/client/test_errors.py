"""What a server sends becomes an error that says what is wrong and what to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from support.canned import failing
from support.canned.failing import retry_after, status
from support.each import each
from tieback.core import errors as server_errors
from tieback.serving.requests import failures
from tieback_client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    InternalError,
    InvalidArgument,
    NotFound,
    Overloaded,
    QuotaExceeded,
    RateExceeded,
    ResourceExhausted,
    Retry,
    SpaceMismatch,
    StorageFull,
    TiebackError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from tieback_client.jsonable import jsonable
from tieback_client.transport.status import BY_CODE, from_status


def test_something_unknown_is_not_found_and_the_choices_are_named(client: Client) -> None:
    with pytest.raises(NotFound, match="the choices are: tiny") as caught:
        client.encode("a", space="nope")

    assert caught.value.resource is not None
    assert (caught.value.resource.kind, caught.value.resource.name) == ("space", "nope")
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "SPACE_NOT_FOUND")
    assert len(caught.value.request_id) == 16
    assert not caught.value.retryable


def test_choices_and_the_way_out_are_there_beside_the_text_and_told_once() -> None:
    missing = server_errors.NotFound("space", "minilm-l6", ["yamnet", "minilm-l6-v2"], hint="or bind one")

    passed_on = failures.to_status(failures.from_status(failures.to_status(missing)))
    error = from_status(passed_on)

    assert error.choices == ("minilm-l6-v2", "yamnet")
    assert error.hint == "or bind one"
    assert "did you mean 'minilm-l6-v2'?" in str(error)
    assert str(error).count("or bind one") == str(error).count("yamnet") == 1
    assert jsonable(error)["choices"] == ["minilm-l6-v2", "yamnet"]
    assert from_status(failures.to_status(server_errors.NotFound("item", "a"))).choices == ()


def test_a_collection_whose_model_is_gone_names_the_command_that_helps() -> None:
    stale = server_errors.StaleCollection(
        "its model is gone; run tieback reindex a", hint="tieback reindex a"
    )

    error = from_status(failures.to_status(failures.from_status(failures.to_status(stale))))

    assert (error.hint, str(error)) == ("tieback reindex a", "its model is gone; run tieback reindex a")


def test_choices_of_another_form_are_none() -> None:
    for listed in ("", "no json", "{}", "[1, null]", '"a"'):
        status = failures.to_status(server_errors.NotFound("space", "a", ["b"]))
        told = error_details_pb2.ErrorInfo(reason="SPACE_NOT_FOUND", metadata={"choices": listed})
        status.details[0].Pack(told)

        assert from_status(status).choices == ()


def test_overload_says_when_to_come_back(served: Any) -> None:
    with Client(served.address, retry=None) as client, pytest.raises(Overloaded) as caught:
        client.encode("a", space="busy")

    assert caught.value.retry_delay == 0.25
    assert caught.value.retryable


async def test_the_asynchronous_client_raises_the_same(served: Any) -> None:
    async with AsyncClient(served.address, retry=None) as client:
        with pytest.raises(Overloaded) as caught:
            await client.encode("a", space="busy")

    assert caught.value.retry_delay == 0.25


def test_a_bad_filter_names_its_field(client: Client, served: Any) -> None:
    with pytest.raises(InvalidArgument, match="filter") as caught:
        client.retrieve("notes", "words", filter="year >")

    assert caught.value.field == "filter"
    assert served.log.calls == ["Retrieve"]


@each("code", [one for one in grpc.StatusCode if one is not grpc.StatusCode.OK])
def test_every_code_is_an_error_of_the_tree(code: grpc.StatusCode) -> None:
    error = from_status(status(code, "words"))

    assert type(error) is BY_CODE.get(code.name, TiebackError)
    assert (error.code, str(error)) == (code.name, "words")


@each(
    "reason, code, kind",
    [
        ("SPACE_MISMATCH", grpc.StatusCode.INVALID_ARGUMENT, SpaceMismatch),
        ("OVERLOADED", grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
        ("STORAGE_FULL", grpc.StatusCode.RESOURCE_EXHAUSTED, StorageFull),
        ("TENANT_QUOTA", grpc.StatusCode.RESOURCE_EXHAUSTED, QuotaExceeded),
        ("SOMETHING_ELSE", grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceExhausted),
        ("OVERLOADED", grpc.StatusCode.INTERNAL, InternalError),
    ],
)
def test_the_reason_makes_an_error_more_exact(
    reason: str, code: grpc.StatusCode, kind: type[TiebackError]
) -> None:
    assert type(from_status(status(code, "words", failing.info(reason)))) is kind


def test_a_tenants_rate_can_be_tried_again_and_its_storage_quota_cannot() -> None:
    code, info = grpc.StatusCode.RESOURCE_EXHAUSTED, failing.info("TENANT_QUOTA")
    rate = from_status(status(code, "words", info, retry_after(0.5)))
    stored = from_status(status(code, "words", info))

    assert (type(rate), rate.retryable, rate.retry_delay) == (RateExceeded, True, 0.5)
    assert (type(stored), stored.retryable) == (QuotaExceeded, False)


def test_a_server_that_is_not_there_is_told_with_the_way_to_start_one() -> None:
    with Client("localhost:1", connect_timeout=0.3) as client, pytest.raises(Unavailable) as caught:
        client.spaces()

    assert "no server answers at localhost:1 (connection refused)" in str(caught.value)
    assert "tieback serve --local" in caught.value.hint
    assert caught.value.retryable


def test_a_call_that_takes_too_long_says_how_to_wait_longer(client: Client) -> None:
    with pytest.raises(DeadlineExceeded, match=r"Encode had no answer within 0\.1 s; .*timeout=") as caught:
        client.encode("a", space="slow", timeout=0.1)

    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_one_half_of_a_certificate_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="both certificate= and key="):
        Client("localhost:1", certificate="own.pem")


def test_an_authority_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"ca: cannot read nowhere\.pem"):
        Client("localhost:1", ca="nowhere.pem")


def test_a_token_is_sent_with_every_attempt_and_shown_nowhere(served: Any) -> None:
    tokens = iter(["one", "two", "three"])
    with Client(served.address, token=lambda: next(tokens)) as client:
        client.encode("a", space="flaky")

        assert [one["authorization"] for one in served.log.metadata] == [
            "Bearer one",
            "Bearer two",
            "Bearer three",
        ]
    with Client(served.address, token="secret", retry=Retry()) as client:
        assert "secret" not in repr(client.options)


def test_a_wrong_token_is_told_with_the_clients_own_option(served: Any) -> None:
    with Client(served.address, token="wrong") as client, pytest.raises(Unauthenticated) as caught:
        client.usage()

    assert str(caught.value) == (
        "the token is not one of this server's; give one with token= or TIEBACK_TOKEN"
    )


@pytest.mark.parametrize(
    "options",
    [{"request_id": lambda: "order-7"}, {"metadata": {"X-Request-Id": "order-7"}}],
    ids=["function", "metadata"],
)
def test_a_call_has_the_request_id_that_its_caller_gives(served: Any, options: dict[str, Any]) -> None:
    with Client(served.address, **options) as client:
        result = client.encode("a", space="tiny")
        with pytest.raises(NotFound) as caught:
            client.encode("a", space="nowhere")

    assert result.call.request_id == caught.value.request_id == "order-7"
    assert [one["x-request-id"] for one in served.log.metadata] == ["order-7", "order-7"]


def test_a_call_that_the_server_does_not_have_is_told_without_words_of_grpc() -> None:
    """A server with no service at all answers as one does that serves no model for a service."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with Client(f"127.0.0.1:{port}") as client, pytest.raises(Unimplemented) as caught:
        client.server_info()
    server.stop(None)

    assert "serves no model for it, or is of another release" in str(caught.value)
