"""Two tenants on Ray Serve: the token goes along from hop to hop, and every replica looks at it again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.running_platform import Platform, wait_for
from support.tenants import write_tokens
from tieback_client import (
    Client,
    Item,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateExceeded,
    Retry,
    Unauthenticated,
)

pytestmark = pytest.mark.ray
SPACE = "all-minilm-l6-v2"
HANDBOOK = [
    Item("tides", "The gravity of the moon pulls the sea and makes the tides."),
    Item("bread", "Bread is made from flour, water, salt and yeast."),
]
TENANTS = {
    "acme": {"acme-admin": "admin", "acme-read": "read"},
    "globex": {"globex-admin": "admin"},
    "small": {"small-admin": "admin"},
}
DETAILS: dict[str, Any] = {
    "globex": {"shared": {"handbook": {"acme": "read"}}},
    "small": {"quota": {"items": 1, "tokens_per_second": 20}},
}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokens(tmp_path_factory.mktemp("tokens") / "tokens", TENANTS, **DETAILS)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, tokens: Path) -> Iterator[Platform]:
    """A platform that asks for tokens, with one space and without a writer."""
    running = Platform(
        tmp_path_factory.mktemp("guarded"),
        *("--tokens", str(tokens), "--spaces", SPACE, "--generator", "none", "--http-port", "0"),
    )
    try:
        running.ready()
        with Client(running.address, token="globex-admin", timeout=60) as client:
            for name in ("handbook", "secret"):
                client.ingest(name, HANDBOOK).collect()
        yield running
    finally:
        running.kill()


def as_(platform: Platform, token: str) -> Client:
    return Client(platform.address, token=token, timeout=60, retry=Retry(overloads=False))


def test_a_tenants_collections_are_found_by_it_alone_behind_the_gateway(guarded: Platform) -> None:
    with as_(guarded, "acme-admin") as acme, as_(guarded, "globex-admin") as globex:
        for name in ("secret", "globex/secret"):
            for work in (
                lambda: acme.retrieve(name, "the moon"),  # noqa: B023 - called at once
                lambda: acme.search(name, text="moon"),  # noqa: B023 - the same
                lambda: list(acme.items(name)),  # noqa: B023 - the same
                lambda: acme.delete_collection(name),  # noqa: B023 - the same
            ):
                with pytest.raises(NotFound):
                    work()
        acme.ingest("secret", [Item("own", "words of acme")]).collect()

        assert [one.id for one in acme.items("secret")] == ["own"]
        assert [one.id for one in globex.items("secret")] == ["bread", "tides"]
        assert [one.name for one in globex.collections()] == ["handbook", "secret"]
        assert [one.name for one in acme.collections()] == ["globex/handbook", "secret"]


def test_a_shared_collection_is_searched_and_not_written_behind_the_gateway(guarded: Platform) -> None:
    with as_(guarded, "acme-admin") as acme, as_(guarded, "acme-read") as reader:
        assert acme.retrieve("globex/handbook", "the moon").hits[0].hit.item_id == "tides"
        with pytest.raises(PermissionDenied, match="is shared with 'acme' for read"):
            acme.delete("globex/handbook", "tides")
        with pytest.raises(PermissionDenied, match="needs the role admin, and the token has the role read"):
            reader.delete_collection("secret")


def test_calls_that_share_a_hop_mix_no_tenants(guarded: Platform) -> None:
    def sources(token: str) -> list[str]:
        with as_(guarded, token) as client, ThreadPoolExecutor(16) as threads:
            found = threads.map(lambda n: client.encode([f"text {n}"], space=SPACE)[0], range(64))
            return [one.source.value for one in found]

    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(sources, ("acme-admin", "globex-admin")))

    assert both == [["computed"] * 64] * 2
    assert sources("acme-read") == ["memory"] * 64


def test_quotas_are_held_behind_the_gateway_and_leave_the_replicas_to_others(guarded: Platform) -> None:
    with as_(guarded, "small-admin") as small, as_(guarded, "acme-admin") as acme:
        small.ingest("one", HANDBOOK[:1]).collect()
        with pytest.raises(QuotaExceeded, match="stores 1 of the 1 items"):
            small.ingest("one", HANDBOOK[1:]).collect()
        assert (small.usage().item_count, small.usage().quota.item_count) == (1, 1)
        with pytest.raises(RateExceeded):
            for number in range(20):
                small.encode([f"some words {number} " * 20], space=SPACE)
        acme.encode(["words of another"], space=SPACE)

    assert guarded.value("tieback_tenant_rejections_total", tenant="small", reason="TENANT_QUOTA") > 0
    assert guarded.value("tieback_tenant_tokens_total", tenant="acme", service="encoder") > 0


def test_a_revoked_token_is_refused_by_all_processes(guarded: Platform, tokens: Path) -> None:
    with as_(guarded, "acme-read") as reader, as_(guarded, "acme-admin") as acme:
        reader.search("globex/handbook", text="moon")

        write_tokens(tokens, TENANTS | {"acme": {"acme-admin": "admin"}}, **DETAILS)

        def refused() -> bool:
            try:
                reader.search("globex/handbook", text="moon")
            except Unauthenticated:
                return True
            return False

        wait_for(refused, 10)
        acme.search("globex/handbook", text="moon")


def test_the_http_door_of_a_gateway_hands_the_token_on_and_is_on_the_page(guarded: Platform) -> None:
    address = str(guarded._said("http"))

    def asked(token: str, collection: str) -> httpx.Response:
        question = {
            "model": f"collection:{collection}",
            "messages": [{"role": "user", "content": "What is in bread?"}],
        }
        headers = {"authorization": f"Bearer {token}"}
        return httpx.post(f"{address}/v1/chat/completions", json=question, headers=headers, timeout=60)

    own = asked("globex-admin", "secret").raise_for_status().json()
    assert "flour" in own["choices"][0]["message"]["content"]
    assert asked("acme-admin", "globex/secret").status_code == 404
    assert asked("nobody", "secret").status_code == 401
    counted = {
        code: guarded.value("tieback_door_requests_total", door="http", code=code) for code in ("200", "404")
    }
    assert counted == {"200": 1, "404": 1}
