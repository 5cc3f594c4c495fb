"""Processes of the platform call each other for a tenant whose token none of them has."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from support.small_server import channel, fuse_request, small_server
from support.tenants import write_tokens
from tieback.core.errors import PermissionDenied, Unauthenticated
from tieback.core.tenant import PRINCIPAL, AccessLevel
from tieback.core.types.operation import OperationRecord
from tieback.serving.requests import context
from tieback.serving.security.credentials import InnerTokens, Tokens, acting
from tieback.v1 import router_pb2_grpc

KEY = b"k" * 32


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_tokens(
        tmp_path / "tokens", {"acme": {"right": "read"}, "globex": {"too": "admin"}},
        acme={"quota": {"items": 7}},
    )  # fmt: skip


def operation(owner: str) -> OperationRecord:
    return OperationRecord("count-1", "count", owner, "docs", {}, 0.0)


def test_one_that_the_platform_issued_is_let_in_as_the_tenant_it_names(file: Path) -> None:
    inner = InnerTokens(KEY)
    tokens = Tokens(file, inner)

    principal = tokens.principal_of(inner.issue("acme"))

    assert (principal.tenant, principal.access, principal.quota.items) == ("acme", AccessLevel.ADMIN, 7)


@pytest.mark.parametrize(
    "authorization",
    [
        InnerTokens(b"x" * 32).issue("acme"),
        InnerTokens(KEY).issue("nobody"),
        InnerTokens(KEY).issue("acme").replace("acme", "globex"),
        InnerTokens(KEY).issue("acme")[:-1],
        "Platform acme.",
        "Platform ",
        "Platform",
        "Platform é.é",
    ],
)
def test_any_other_is_refused(file: Path, authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        Tokens(file, InnerTokens(KEY)).principal_of(authorization)


def test_a_server_that_has_no_key_lets_none_in(file: Path) -> None:
    with pytest.raises(Unauthenticated, match="Bearer"):
        Tokens(file).principal_of(InnerTokens(KEY).issue("acme"))


async def test_the_public_door_lets_none_in(file: Path) -> None:
    async with small_server(tokens=file) as server, channel(server) as made:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await router_pb2_grpc.RouterServiceStub(made).Fuse(
                fuse_request(), metadata=(("authorization", InnerTokens(KEY).issue("acme")),), timeout=5
            )

        assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_tenant_that_is_taken_out_of_the_file_is_let_in_no_more(file: Path) -> None:
    inner = InnerTokens(KEY)
    tokens = Tokens(file, inner)
    write_tokens(file, {"globex": {"too": "admin"}})
    tokens.refresh()

    with pytest.raises(Unauthenticated):
        tokens.principal_of(inner.issue("acme"))
    with pytest.raises(PermissionDenied, match="does not know any more"):
        acting(tokens, inner)(operation("acme"))


async def test_an_operation_works_for_its_owner_and_calls_others_in_its_name(file: Path) -> None:
    inner = InnerTokens(KEY)
    tokens = Tokens(file, inner)

    acting(tokens, inner)(operation("acme"))

    assert (PRINCIPAL.get().tenant, PRINCIPAL.get().quota.items) == ("acme", 7)
    sent = dict(context.outgoing())
    assert tokens.principal_of(sent["authorization"]).tenant == "acme"
    assert sent["x-request-id"] == "count-1"


async def test_without_tokens_operations_of_nobody_run_and_those_of_a_tenant_do_not(file: Path) -> None:
    acting(None)(operation(""))

    assert PRINCIPAL.get().tenant == ""
    with pytest.raises(PermissionDenied):
        acting(None)(operation("acme"))
    with pytest.raises(PermissionDenied, match="asks for tokens"):
        acting(Tokens(file))(operation(""))
