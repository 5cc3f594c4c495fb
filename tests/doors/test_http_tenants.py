"""Tokens, tenants, rates, TLS and request ids through the HTTP door: they are the platform's own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from prometheus_client import CollectorRegistry
from support.certificates import Authority
from support.local_platform import Running, served_locally
from support.tenants import write_tokens
from tieback.doors.caller import platform as called_platform
from tieback.doors.http import Certificate, HttpDoor, HttpOptions
from tieback.doors.metrics import DoorMetrics
from tieback.serving.settings import Settings
from tieback_client import Client, Item

SPACE = "wordllama-256"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("tenants")
    tokens = write_tokens(
        folder / "tokens",
        {"acme": {"acme-admin": "admin"}, "globex": {"globex-read": "read"}, "slow": {"slow-read": "read"}},
        slow={"quota": {"tokens_per_second": 1}},
    )
    pair = authority.issue("server")
    settings = Settings(
        store=folder / "store",
        port=0,
        http_port=0,
        metrics_port=None,
        tokens=tokens,
        tls_certificate=pair.certificate,
        tls_key=pair.key,
        drain_seconds=1,
        spaces=(SPACE,),
        binding="none",
        generator="none",
    )
    with served_locally(settings) as running:
        with Client(running.address, token="acme-admin", ca=authority.certificate, timeout=60) as own:
            own.ingest("secret", [Item("a", "The key is under the mat.")]).collect()
        yield running


@pytest.fixture(scope="module")
def http(platform: Running, authority: Authority) -> Iterator[httpx.Client]:
    address = platform.http.replace("http:", "https:")
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    with httpx.Client(base_url=address, verify=trusting, timeout=30) as made:
        yield made


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("nobody"), {"authorization": "acme-admin"}, {"authorization": b"Bearer \xff\xfe"}],
    ids=["none", "unknown", "without a scheme", "no text"],
)
def test_whoever_is_not_let_in_is_told_how(http: httpx.Client, headers: Any) -> None:
    answer = http.get("/v1/models", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-should-retry"] == "false"
    assert answer.json()["error"]["type"] == "authentication_error"
    assert "nobody" not in answer.text


def test_health_needs_no_token(http: httpx.Client) -> None:
    assert http.get("/healthz").status_code == 200
    assert http.get("/readyz").status_code == 200


def test_a_tenant_sees_its_own_collections_alone(http: httpx.Client) -> None:
    def listed(token: str) -> set[str]:
        found = http.get("/v1/models", headers=bearer(token)).raise_for_status().json()["data"]
        return {one["id"] for one in found if one["id"].startswith("collection:")}

    assert listed("acme-admin") == {"collection:secret"}
    assert listed("globex-read") == set()

    asked = {"model": "collection:secret", "messages": [{"role": "user", "content": "Where is the key?"}]}
    answer = http.post("/v1/chat/completions", json=asked, headers=bearer("globex-read"))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "COLLECTION_NOT_FOUND"


def test_a_rate_is_told_with_the_time_to_wait_to_the_openai_client(
    platform: Running, authority: Authority
) -> None:
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    address = platform.http.replace("http:", "https:") + "/v1"
    with (
        openai.OpenAI(
            base_url=address,
            api_key="slow-read",
            max_retries=0,
            http_client=openai.DefaultHttpxClient(verify=trusting),
        ) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        for number in range(100):
            client.embeddings.create(model=SPACE, input=[f"text number {number}"] * 16)

    headers = caught.value.response.headers
    assert int(headers["retry-after"]) >= 1
    assert float(headers["retry-after-ms"]) > 0
    assert caught.value.code == "TENANT_QUOTA"


def test_a_request_id_is_kept_and_given_back_or_made(http: httpx.Client) -> None:
    named = http.get("/v1/models", headers=bearer("acme-admin") | {"x-request-id": "mine-1"})
    unnamed = http.get("/v1/models", headers=bearer("acme-admin") | {"x-request-id": "two words"})

    assert named.headers["x-request-id"] == "mine-1"
    assert unnamed.headers["x-request-id"] not in ("", "two words")


def test_the_time_that_a_caller_waits_is_the_calls_deadline(http: httpx.Client) -> None:
    asked = {"model": SPACE, "input": ["many words " * 400] * 512, "truncate": True}
    answer = http.post(
        "/v1/embeddings", json=asked, headers=bearer("acme-admin") | {"tieback-timeout": "0.001"}
    )

    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "DEADLINE_EXCEEDED"


async def test_a_certificate_of_the_caller_is_asked_for_where_that_is_set(authority: Authority) -> None:
    pair, own = authority.issue("door"), authority.issue("caller")
    options = HttpOptions(
        certificate=Certificate(pair.certificate, pair.key, authority.certificate), drain_seconds=0, mcp=False
    )
    door = HttpDoor(called_platform("localhost:1"), options, DoorMetrics(CollectorRegistry()))
    port = await door.start("127.0.0.1", 0)
    try:
        stranger = ssl.create_default_context(cafile=str(authority.certificate))
        async with httpx.AsyncClient(verify=stranger) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"https://localhost:{port}/healthz")
        known = ssl.create_default_context(cafile=str(authority.certificate))
        known.load_cert_chain(own.certificate, own.key)
        async with httpx.AsyncClient(verify=known) as client:
            assert (await client.get(f"https://localhost:{port}/healthz")).status_code == 200
    finally:
        await door.stop()
