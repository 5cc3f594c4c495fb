"""The file of tenants: what it allows, and what is said of one that is wrong."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from support.each import each
from support.tenants import digest
from tieback.core.errors import PermissionDenied
from tieback.core.tenant import AccessLevel, CollectionKey, Principal, Share, TenantQuota
from tieback.serving.security import tenants as tenants_file
from tieback.serving.security.tenants import TenantsFile

HANDBOOK = CollectionKey("globex", "handbook")


def entry(token: str, role: str = "read") -> dict[str, str]:
    return {"sha256": digest(token), "role": role}


def read(tenants: Any) -> dict[bytes, Principal]:
    return dict(tenants_file.parse(yaml.safe_dump({"tenants": tenants})).principals())


def refused(tenants: Any) -> str:
    with pytest.raises(ValueError, match="tenants") as caught:
        read(tenants)
    return str(caught.value)


def test_a_token_has_its_tenant_role_quota_and_what_others_share_with_it() -> None:
    found = read(
        {
            "acme": {"tokens": [entry("a", "write"), entry("b", "admin")], "quota": {"items": 5}},
            "globex": {"tokens": [], "shared": {"handbook": {"acme": "read"}}, "quota": {"bytes": 7}},
        }
    )

    shared = {HANDBOOK: Share(AccessLevel.READ, TenantQuota(bytes=7))}
    assert found == {
        bytes.fromhex(digest("a")): Principal("acme", AccessLevel.WRITE, TenantQuota(items=5), shared),
        bytes.fromhex(digest("b")): Principal("acme", AccessLevel.ADMIN, TenantQuota(items=5), shared),
    }


def test_a_digest_may_be_in_capital_letters() -> None:
    (found,) = read({"acme": {"tokens": [{"sha256": digest("a").upper(), "role": "read"}]}})

    assert found == bytes.fromhex(digest("a"))


@each("text", ["", "# nobody\n", "tenants:\n", "tenants: {}\n", "tenants: {acme: {tokens: }}\n"])
def test_a_file_without_tokens_can_be_read_and_lets_nobody_in(text: str) -> None:
    assert list(tenants_file.parse(text).principals()) == []


@each(
    "tenants, said",
    [
        ({"acme": {"token": []}}, "unknown key 'tenants.acme.token'"),
        ({"acme": {"tokens": [entry("a") | {"rôle": "read"}]}}, "unknown key 'tenants.acme.tokens[0].rôle'"),
        ({"acme": {"tokens": [{"role": "read"}]}}, "tenants.acme.tokens[0].sha256"),
        ({"acme": {"tokens": [{"sha256": digest("a")}]}}, "tenants.acme.tokens[0].role"),
        ({"acme": {"tokens": [entry("a", "owner")]}}, "tenants.acme.tokens[0].role"),
        ({"acme": {"tokens": [{"sha256": "plain-token", "role": "read"}]}}, "64 hexadecimal digits"),
        ({"acme": {"tokens": [entry("a"), entry("a", "admin")]}}, "tenants.acme.tokens[1] has the digest of"),
        ({"Acme": {}}, "tenants.Acme"),
        ({"acme": {"shared": {"docs": {"globx": "read"}}}, "globex": {}}, "did you mean 'globex'"),
        ({"acme": {"shared": {"docs": {"acme": "read"}}}}, "its own collection"),
        ({"acme": {"shared": {"do/cs": {"acme": "read"}}}}, "tenants.acme.shared.do/cs"),
        (
            {"acme": {"shared": {"docs": {"globex": "admin"}}}, "globex": {}},
            "tenants.acme.shared.docs.globex",
        ),
        ({"acme": {"quota": {"bites": 5}}}, "unknown key 'tenants.acme.quota.bites'"),
        ({"acme": {"quota": {"items": -1}}}, "tenants.acme.quota.items"),
        ({"acme": {"quota": {"tokens_per_second": 0}}}, "tenants.acme.quota.tokens_per_second"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tenants: Any, said: str) -> None:
    assert said in refused(tenants)


def test_what_is_told_of_a_wrong_digest_does_not_repeat_it() -> None:
    assert "plain-token" not in refused({"acme": {"tokens": [{"sha256": "plain-token", "role": "read"}]}})


@each("text", ["tenants: [", "- tenants\n", "tenants: 5\n", "acme right\n"])
def test_what_is_no_mapping_of_tenants_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"YAML|mapping|tenants"):
        tenants_file.parse(text)


PIECES = [*"[]{}:,-&*!?|>#%@\n \t'\"~", "tenants", "acme", "tokens: ", "!!int ", "!!timestamp "]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
@example("a: !!timestamp 99999-99-99")
@example("a: !!int x")
@example("[" * 100_000)
@example("tenants: &a [*a]")
def test_whatever_a_file_holds_it_is_read_or_refused_and_nothing_else(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(tenants_file.parse(text), TenantsFile)


def test_a_tenant_that_is_there_twice_is_refused_since_one_of_them_would_not_count() -> None:
    with pytest.raises(ValueError, match=r"'acme' is there twice.*line"):
        tenants_file.parse("tenants:\n  acme: {}\n  acme: {}\n")


def test_a_name_stands_for_an_own_collection_and_one_with_its_owner_for_a_shared_one() -> None:
    acme = Principal("acme", shared={HANDBOOK: Share(AccessLevel.READ, TenantQuota())})

    assert acme.find("handbook") == acme.find("acme/handbook") == CollectionKey("acme", "handbook")
    assert acme.find("globex/handbook") == HANDBOOK
    assert acme.find("globex/other") is acme.find("initech/handbook") is acme.find("/handbook") is None
    assert acme.address(HANDBOOK) == "globex/handbook"
    assert acme.address(CollectionKey("acme", "handbook")) == "handbook"


@each(
    "access, shared_for, needed, told",
    [
        (
            AccessLevel.READ,
            AccessLevel.WRITE,
            AccessLevel.WRITE,
            "needs the role write, and the token has the role read",
        ),
        (
            AccessLevel.WRITE,
            AccessLevel.READ,
            AccessLevel.WRITE,
            "needs the role write, and the collection 'globex/handbook'",
        ),
        (AccessLevel.ADMIN, AccessLevel.WRITE, AccessLevel.ADMIN, "only its owner can delete it"),
        (AccessLevel.WRITE, AccessLevel.READ, AccessLevel.ADMIN, "only its owner can delete it"),
    ],
)
def test_a_shared_collection_needs_both_the_tokens_role_and_the_share(
    access: AccessLevel, shared_for: AccessLevel, needed: AccessLevel, told: str
) -> None:
    acme = Principal("acme", access, shared={HANDBOOK: Share(shared_for, TenantQuota())})

    acme.require(AccessLevel.READ, HANDBOOK)
    with pytest.raises(PermissionDenied, match=told):
        acme.require(needed, HANDBOOK)
