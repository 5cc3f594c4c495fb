"""A text is checked at every door, and each gives the same document, which passes the cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import tieback
from click.testing import CliRunner
from support.local_platform import Running
from tieback_client import Client, Evidence, Item
from tieback_client.checked_text.conformance import cases
from tieback_client.cli import app

TIDES = "The tide rises twice a day. The moon pulls the water of the sea."
CLAIM = "The moon pulls the water of the sea."


def posted(door: Running, body: Any) -> httpx.Response:
    return httpx.post(f"{door.http}/v1/check", json=body, timeout=60)


def of_mcp(door: Running, arguments: Any) -> Any:
    call = {"name": "check_claims", "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accepted = {"accept": "application/json, text/event-stream"}
    reply = httpx.post(f"{door.http}/mcp", json=body, headers=accepted, timeout=60)
    return reply.json()["result"]["structuredContent"]


def without(document: Any, *names: str) -> Any:
    return {name: one for name, one in document.items() if name not in names}


def test_every_case_passes_and_every_door_gives_the_same_document(door: Running) -> None:
    with Client(door.address, timeout=60) as client:
        for case in cases():
            asked = case.check
            expected = client.check(
                asked.text, asked.evidence, claims=asked.claims, question=asked.question
            ).document

            assert case.faults(expected) == [], case.name
            assert without(posted(door, case.input).json(), "shown") == expected, case.name
            if all(isinstance(one, str) for one in case.input["sources"]) and "claims" not in case.input:
                arguments = without(case.input, "sources") | {"passages": case.input["sources"]}
                assert without(of_mcp(door, arguments), "note", "shown") == expected, case.name


def test_the_command_line_gives_the_same_document_of_files(door: Running, tmp_path: Path) -> None:
    (tmp_path / "tides.md").write_text(f"# Tides\n\n{TIDES}\n", encoding="utf-8")

    ran = CliRunner().invoke(
        app.tieback,
        ["check", "-", "--against", str(tmp_path / "tides.md"), "--json", "--server", door.address],
        input=f"🌊 {CLAIM} Is it so?",
    )
    found = json.loads(ran.stdout)
    with Client(door.address, timeout=60) as client:
        fields = ("text", "id", "title", "item_id", "section_id", "uri")
        passages = [Evidence(**{name: one[name] for name in fields}) for one in found["sources"]]
        expected = client.check(found["text"], passages).document

    assert without(found, "timing", "call", "shown") == expected


def test_a_server_is_tried_by_a_command(door: Running) -> None:
    ran = CliRunner().invoke(app.tieback, ["conformance", "--server", door.address])

    assert ran.exit_code == 0, ran.output
    assert "20 of 20 cases pass" in ran.output


def test_a_text_is_checked_over_http_by_a_collection_and_by_a_named_checker(door: Running) -> None:
    with Client(door.address, timeout=60) as client:
        client.ingest("checked", [Item("tides", TIDES)]).collect()

    found = posted(door, {"text": CLAIM, "collection": "checked", "limit": 1, "checker": "verbatim"}).json()

    (claim,) = found["claims"]
    assert claim["verdict"]["label"] == "supported"
    assert claim["verdict"]["checker"] == {"name": "verbatim", "revision": tieback.__version__}
    assert claim["citations"][0]["item_id"] == found["sources"][0]["item_id"] == "tides"
    assert found["shown"]["claims"][0]["claim"]["sign"] == "✓"


def test_what_is_wrong_with_a_check_is_named_by_its_field(door: Running) -> None:
    own = {"text": CLAIM, "sources": [TIDES]}
    wrong: list[tuple[str | None, Any]] = [
        ("sources", {"text": CLAIM}),
        ("text", own | {"text": ""}),
        ("passages", own | {"passages": [TIDES]}),
        ("claims[0]", own | {"claims": [[5, 2]]}),
        ("claims[0]", own | {"claims": [[1, 2, 3]]}),
        ("limit", own | {"limit": 0}),
        ("parameters", own | {"parameters": {"precision": 0.9}}),
        ("sources[0]", own | {"sources": [{"text": TIDES, "name": "a"}]}),
    ]
    for param, body in wrong:
        reply = posted(door, body)

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param), body
    assert posted(door, own | {"checker": "magic"}).status_code == 404
