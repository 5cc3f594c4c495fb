"""The pages on endpoints: what they name side by side with other servers is there, and answers."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import yaml
from support.doors import running
from support.each import each
from support.pages import blocks
from support.running_platform import Platform
from tieback.catalog.catalog import read_card
from tieback.catalog.runtimes import find_runtime
from tieback.serving.settings import Settings

MODELS = (Path(__file__).parents[2] / "docs/own-models.md").read_text(encoding="utf-8")
PAGE = MODELS.partition("\n## Encoders and rerankers by endpoint\n")[2].partition("\n## ")[0]
COMING_FROM = PAGE.partition("### Coming from")[2]
ROUTES = [row for row in COMING_FROM.splitlines() if row.startswith("|") and re.search(r"GET|POST|gRPC", row)]
HTTP = sorted({one for row in ROUTES[1:] for one in re.findall(r"`((?:GET|POST) /\S+)`", row.split("|")[2])})
GRPC = sorted({one for row in ROUTES for one in re.findall(r"`([\w.]+/\w+)`", row.split("|")[2])})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform apart from this process, in which other tests may have loaded Triton's own messages."""
    with running(tmp_path_factory.mktemp("page"), DOORS="kserve,tei", HTTP_PORT="0") as platform:
        yield platform


def test_every_setting_that_the_page_names_exists() -> None:
    named = set(re.findall(r"TIEBACK_(\w+)", COMING_FROM))

    assert len(named) > 15
    assert named <= {name.upper() for name in Settings.model_fields}


@each("route", HTTP)
def test_every_route_of_the_page_is_one_of_the_server(served: Platform, route: str) -> None:
    method, path = route.split()
    body = json.dumps({}).encode() if method == "POST" else None
    request = urllib.request.Request(
        f"{served.http}{path}", body, {"content-type": "application/json"}, method=method
    )

    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code

    assert status == (200 if method == "GET" else 400)  # an empty request is refused by its fields


@each("call", GRPC)
def test_every_call_of_the_page_is_one_of_the_server(served: Platform, call: str) -> None:
    with grpc.insecure_channel(served.address) as channel:
        try:
            channel.unary_unary(f"/{call}", None, None)(b"", timeout=20)
        except grpc.RpcError as error:
            assert "Method not found" not in str(error.details())  # noqa: PT017 - what it raises differs


def test_the_card_of_the_page_is_one_and_its_table_names_all_apis(tmp_path: Path) -> None:
    (card,) = blocks(PAGE, "yaml")
    (tmp_path / "card.yaml").write_text(card)
    runtimes = re.findall(r"^\| `(\w+)` \| `POST", PAGE, re.M)

    options = yaml.safe_load(card)["options"]
    assert read_card(tmp_path / "card.yaml").name == "our-embedder"
    assert options["base_url"].startswith("https:")
    for name in runtimes:
        role = "reranker" if "rerank" in name or "score" in name else "encoder"
        role = "checker" if name == "claim_endpoint" else role
        role = "classifier" if name in ("tei_predict", "vllm_classify") else role
        assert find_runtime(name, role).options is not None
    assert len(runtimes) == 10
