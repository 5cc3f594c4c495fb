"""People are told the same of an answer at every door: command line, console, HTTP, MCP and SDK."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import tieback.doors.console as console
from click.testing import CliRunner
from playwright.async_api import async_playwright
from prometheus_client import CollectorRegistry
from support.canned.serving import serve
from support.shown_answers import SENTENCE, every_answer
from tieback.doors.caller import platform
from tieback.doors.console import ConsoleOptions
from tieback.doors.console import routes as console_routes
from tieback.doors.http import HttpDoor, HttpOptions
from tieback.doors.metrics import DoorMetrics
from tieback_client import AnswerStyle, AsyncClient, Client, Disagreement
from tieback_client.checked_text.conformance import malformed
from tieback_client.cli import app
from tieback_client.jsonable import jsonable
from tieback_client.shown import LEVELS, MARKS, ShownAnswer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SIGNS = "".join(one.sign for one in MARKS.values() if one.sign not in "?~·") + "≠"
"""Marks that are in no text of the tests."""


@pytest.fixture(scope="module")
def address() -> Any:
    server, port, _ = serve()
    yield f"127.0.0.1:{port}"
    server.stop(0).wait()


@pytest.fixture
async def http(address: str) -> AsyncIterator[httpx.AsyncClient]:
    client = platform(address)
    pages = console_routes(client, ConsoleOptions())
    door = HttpDoor(client, HttpOptions(drain_seconds=0.1), DoorMetrics(CollectorRegistry()), pages)
    port = await door.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as made:
        yield made
    await door.stop()


async def test_every_door_tells_the_same_of_the_same_answer(address: str, http: httpx.AsyncClient) -> None:
    with Client(address) as client:
        for name in every_answer():
            answer = client.answer("notes", name).collect()
            told = jsonable(answer.shown)

            assert await of_console(http, name) == told, name
            checked = answer.document
            assert list(malformed(checked)) == [], name
            whole = await of_http(http, name)
            assert (whole["shown"], whole["checked"]) == (told, checked), name
            assert await of_stream(http, name) == told, name
            mcp = await of_mcp(http, name)
            assert (mcp["shown"], mcp["checked"]) == (told, checked), name
            is_quote = answer.finish is not None and answer.finish.style is AnswerStyle.QUOTE
            labels = [one["verdict"]["label"] for one in mcp["checked"]["claims"]]
            assert [one == "quoted" for one in labels] == [is_quote] * len(answer.claims)
            assert (mcp["text"] == "") is not bool(told["parts"]), name


def test_the_command_line_shows_all_of_that_and_nothing_more(address: str) -> None:
    with Client(address) as client:
        for name in every_answer():
            answer = client.answer("notes", name).collect()
            shown = answer.shown

            output = flat(CliRunner().invoke(app.tieback, ["ask", name, "--server", address]).output)

            for text in texts(shown):
                assert flat(text) in output, (name, text)
            told = "".join(texts(shown))
            assert [one for one in SIGNS if one in output] == [one for one in SIGNS if one in told], name


def test_a_quote_has_a_level_and_no_mark_and_what_is_withdrawn_has_neither(address: str) -> None:
    with Client(address) as client:
        for name in every_answer():
            answer = client.answer("notes", name).collect()
            shown = answer.shown
            claims = [part.claim for part in shown.parts if part.claim]

            if answer.abstention:
                assert (shown.level, shown.parts, shown.legend) == (None, [], [])
                assert shown.withdrawn == answer.text
                assert answer.abstention.message.capitalize() in shown.heading
            elif name.startswith("quote"):
                assert [one.sign for one in claims] == [""] * len(claims)
                assert shown.legend == []
                assert (shown.level == "quote") is (" answers " in name) is bool(claims)
                is_marked = [run.text for one in shown.passages for run in one.runs if run.is_marked]
                is_told = shown.level != "passages" and " not_checked " not in name
                assert is_marked == [SENTENCE] * is_told
            else:
                assert shown.level is None
                assert len(shown.legend) == len(claims[0].sign) > 0
                is_cited = bool(answer.citations)
                headings = ("Sources", "Nearest passages", "Passages read")
                assert shown.passages_heading == headings[2 if " not_checked " in name else not is_cited]


async def test_a_client_that_shows_text_alone_gets_a_quote_only_at_the_highest_level(
    http: httpx.AsyncClient,
) -> None:
    for fit, has_quote, is_marked in (
        ("answers", True, False),
        ("likely", False, True),
        ("unsure", False, False),
    ):
        name = f"quote supported {fit} alone"

        reply = await http.post("/v1/chat/completions", json=asked(name))
        text = reply.json()["choices"][0]["message"]["content"]

        assert (text == SENTENCE) is has_quote
        assert (f"»{SENTENCE}«" in text) is is_marked
        assert ("The notes on tides" in text or "tides" in text) is not has_quote
        streamed = await http.post("/v1/chat/completions", json=asked(name, stream=True))
        chunks = [json.loads(one[6:]) for one in streamed.text.splitlines() if one.startswith("data: {")]
        assert (
            "".join(one["choices"][0]["delta"].get("content", "") for one in chunks if one["choices"]) == text
        )


def test_what_disagrees_is_told_in_words_and_marked_in_the_claim(address: str) -> None:
    with Client(address) as client:
        told = {
            verdict.disagreement: part.claim
            for name in every_answer()
            for answer in [client.answer("notes", name).collect()]
            for verdict in answer.verdicts.values()
            for part in answer.shown.parts
            if verdict.disagreement and part.claim
        }

    assert {kind: claim.difference for kind, claim in told.items() if kind} == {
        Disagreement.NUMBER: "number differs: “pulled”, “moon” in the text, “moon” in [1]",
        Disagreement.DATE: "date differs: “pulled”, “moon” in the text, “moon” in [1]",
        Disagreement.NAME: "name differs: “pulled”, “moon” in the text, “moon” in [1]",
        Disagreement.NEGATION: "negation differs: “moon” in [1], not in the text",
        Disagreement.NOT_MENTIONED: "no passage mentions “pulled”, “moon”",
        Disagreement.OTHER_SOURCE: "only said elsewhere, in [1]: “pulled”, “moon”",
        Disagreement.STATEMENT: "[1] says otherwise in other words",
    }
    for claim in told.values():
        assert "".join(run.text for run in claim.runs) == claim.text
        assert [run.text for run in claim.runs if run.is_marked] == ["pulled", "moon"]


def test_the_page_has_no_marks_and_no_words_of_its_own_for_answers() -> None:
    text = (Path(console.__file__).parent / "static/answer.js").read_text(encoding="utf-8")

    assert [one.sign for one in MARKS.values() if one.sign not in "?·" and one.sign in text] == []
    assert [one.words for one in MARKS.values() if one.words in text] == []
    assert [one.heading for one in LEVELS.values() if one.heading and one.heading in text] == []


def texts(shown: ShownAnswer) -> list[str]:
    """All that is told, but for the names of passages."""
    marked = [f"»{run.text}«" for one in shown.passages for run in one.runs if run.is_marked]
    conflicts = [one.heading for one in shown.conflicts]
    return [
        *shown.notices,
        *(shown.heading, shown.answer, shown.note, *shown.differences, shown.passages_heading),
        *(shown.withdrawn_heading, shown.withdrawn, *marked, *conflicts, *shown.legend),
    ]


def flat(text: str) -> str:
    return " ".join(text.split())


async def of_console(http: httpx.AsyncClient, question: str) -> Any:
    reply = await http.post("/console/api/ask", json={"collection": "notes", "text": question})
    *_, last = [one for one in map(json.loads, reply.text.splitlines()) if one["event"] == "shown"]
    return {key: value for key, value in last.items() if key != "event"}


def asked(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "collection:notes", "messages": [{"role": "user", "content": question}], **more}


async def of_http(http: httpx.AsyncClient, question: str) -> Any:
    return (await http.post("/v1/chat/completions", json=asked(question))).json()["tieback"]


async def of_stream(http: httpx.AsyncClient, question: str) -> Any:
    reply = await http.post("/v1/chat/completions", json=asked(question, stream=True))
    chunks = [json.loads(one[6:]) for one in reply.text.splitlines() if one.startswith("data: {")]
    return next(one["tieback"]["shown"] for one in chunks if "shown" in one.get("tieback", {}))


async def of_mcp(http: httpx.AsyncClient, question: str) -> Any:
    call = {"name": "answer", "arguments": {"collection": "notes", "question": question}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accepted = {"accept": "application/json, text/event-stream"}
    return (await http.post("/mcp", json=body, headers=accepted)).json()["result"]["structuredContent"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium (Debian: apt-get install chromium)")
async def test_the_page_shows_all_of_that_and_nothing_more(address: str, http: httpx.AsyncClient) -> None:
    async with async_playwright() as playwright, AsyncClient(address) as client:
        await client.create_collection("notes", space="tiny")
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        page.set_default_timeout(60_000)
        for number, name in enumerate(list(every_answer())[::13]):
            shown = (await client.answer("notes", name).collect()).shown
            await page.goto(f"{http.base_url}/console/?{number}#ask?{urlencode({'c': 'notes', 'q': name})}")
            await page.wait_for_selector(".answer[aria-busy=false]")

            told = flat(await page.inner_text(".answer"))

            marked = await page.locator(".answer .around mark").all_inner_texts()
            assert marked == [run.text for one in shown.passages for run in one.runs if run.is_marked], name
            texts = [*shown.notices, shown.heading, shown.note, shown.withdrawn, *shown.legend]
            texts += [part.claim.text for part in shown.parts if part.claim]
            assert [one for one in texts if flat(one) not in told] == [], name
            assert [one for one in SIGNS if one in told and one not in "".join(shown.legend)] == [], name
        await browser.close()
