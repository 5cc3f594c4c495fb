"""What the console's page calls: with the token of whoever looks at it, and as the platform allows."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.console import ADMIN, READER, STRANGER, photo
from support.each import each
from support.local_platform import Running
from tieback.doors.console.asking import MOST_ENTRY, KeptReplies
from tieback.doors.console.originals import type_of
from tieback.doors.console.votes import MOST_BYTES
from tieback.serving.commands.judged_queries import read_judgements
from tieback_contract.query import OPTIONS


@pytest.fixture(scope="module")
def http(platform: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{platform.http}/console", timeout=60, headers=by(READER)) as made:
        yield made


def by(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def test_the_page_needs_no_token_and_takes_nothing_from_other_hosts(platform: Running) -> None:
    moved = [httpx.get(f"{platform.http}{path}") for path in ("/", "/console")]
    page = httpx.get(f"{platform.http}/console/")
    again = httpx.get(f"{platform.http}/console/", headers={"if-none-match": page.headers["etag"]})

    assert [(one.status_code, one.headers["location"]) for one in moved] == [(307, "/console/")] * 2
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert again.status_code == 304
    for name in ("app.js", "console.css", "mark.svg"):
        assert httpx.get(f"{platform.http}/console/{name}").status_code == 200
    for name in ("nothing.js", "..%2froutes.py", "console.py"):
        assert httpx.get(f"{platform.http}/console/{name}").status_code == 404


def test_a_search_has_its_reasons_and_is_found_again_by_its_id(http: httpx.Client) -> None:
    asked, found = lines(http.post("/api/search", json={"collection": "notes", "text": "when is high tide?"}))

    assert (asked["kind"], asked["text"]) == ("search", "when is high tide?")
    hit = found["result"]["hits"][0]["hit"]
    assert hit["item_id"] == "tides"
    assert hit["highlights"]
    assert {one["stage"] for one in hit["stages"]} >= {"vector_search", "word_search", "merge"}
    assert lines(http.get(f"/api/requests/{asked['request_id']}")) == [asked, found]


def test_a_search_takes_every_option_of_a_query_and_the_page_is_told_of_each(http: httpx.Client) -> None:
    options = {
        "granularity": "document",
        "query_expansion": {"name": "rocchio", "parameters": {"documents": 2}},
    }

    asked, found = lines(
        http.post("/api/search", json={"collection": "notes", "text": "high tide", "options": options})
    )

    assert asked["options"] == options
    assert found["result"]["plan"]["options"]["granularity"] == "document"
    told = {one["name"]: one for one in http.get("/api/overview").json()["options"]}
    assert list(told) == [one.name for one in OPTIONS]
    assert (told["granularity"]["values"], told["diversity"]["range"]) == (["section", "document"], [0, 1])


def test_an_answer_comes_as_events_and_ends_with_the_finish(http: httpx.Client) -> None:
    events = lines(
        http.post("/api/ask", json={"collection": "notes", "text": "When is the tide highest in Brest?"})
    )

    kinds = [one["event"] for one in events]
    assert kinds[:2] == ["asked", "retrieval"]
    assert kinds[-1] == "finish"
    assert "noon" in "".join(one["text"] for one in events if one["event"] == "text")
    assert {"claim", "citation", "verdict"} <= set(kinds)


def test_a_reply_is_kept_for_the_token_that_asked_alone(http: httpx.Client) -> None:
    asked, _ = lines(http.post("/api/search", json={"collection": "notes", "text": "bread"}))
    path = f"/api/requests/{asked['request_id']}"

    assert http.get(path).status_code == 200
    for token in (ADMIN, STRANGER):
        assert http.get(path, headers=by(token)).json()["error"]["code"] == "REQUEST_NOT_FOUND"
    assert http.get(path, headers=by("wrong")).status_code == 401


def test_the_oldest_replies_are_dropped_and_a_very_large_one_is_not_kept() -> None:
    kept = KeptReplies()
    for _ in range(2):
        kept.keep(b"x" * MOST_ENTRY)
        assert kept._bytes == MOST_ENTRY  # the same request: what it was answered last

    kept.keep(b"x" * (MOST_ENTRY + 1))

    assert kept._bytes == MOST_ENTRY


@pytest.mark.parametrize(
    "path", ["/api/overview", "/api/services", "/api/original?collection=album&item=a&section=1"]
)
def test_without_a_token_nothing_of_the_platform_is_told(platform: Running, path: str) -> None:
    for headers in ({}, by("wrong")):
        answer = httpx.get(f"{platform.http}/console{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "authentication_error"


def test_tenants_see_their_own_collections(http: httpx.Client) -> None:
    def names(token: str) -> list[str]:
        return [one["name"] for one in http.get("/api/overview", headers=by(token)).json()["collections"]]

    assert names(READER) == ["album", "notes"]
    assert names(STRANGER) == []
    refused = http.post("/api/search", json={"collection": "notes", "text": "x"}, headers=by(STRANGER))
    assert refused.json()["error"]["code"] == "COLLECTION_NOT_FOUND"


def test_services_say_how_they_are_loaded(http: httpx.Client) -> None:
    lines(http.post("/api/search", json={"collection": "notes", "text": "bread"}))

    told = http.get("/api/services").json()

    assert all(one["ready"] for one in told["services"])
    assert told["load"]["calls"]["AnswerService"]["calls"] >= 1
    assert "queued_tokens" in told["load"]["spaces"]["encoder:all-minilm-l6-v2"]


def test_a_photo_is_given_back_as_a_picture_that_runs_nothing(http: httpx.Client) -> None:
    named = {"collection": "album", "item": "sea.jpg", "section": "1"}

    found = http.get("/api/original", params=named)
    text = http.get("/api/original", params={"collection": "notes", "item": "tides", "section": "1"})

    assert found.content == photo()
    assert found.headers["content-type"] == "image/jpeg"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in found.headers["content-security-policy"]
    assert text.json()["error"]["code"] == "ORIGINAL_NOT_FOUND"
    assert http.get("/api/original", params=named, headers=by(STRANGER)).status_code == 404
    assert http.get("/api/original", params={"collection": "album"}).json()["error"]["param"] == "item"


def test_what_is_no_picture_has_a_type_that_no_browser_shows() -> None:
    assert type_of(b"<html><script>") == "application/octet-stream"
    assert type_of(b"RIFF\0\0\0\0AVI ") == "application/octet-stream"


@each(
    "body, param, said",
    [
        ({"collection": "notes"}, "text", "nothing to look for"),
        ({"collection": "notes", "text": "x", "limit": 101}, "limit", "less than or equal to 100"),
        ({"collection": "notes", "text": "x", "image": "no base64!"}, "image", "not base64"),
        ({"collection": "notes", "text": "x", "filter": "year >"}, "filter", "filter"),
        ({"collection": "notes", "text": "x", "colour": 1}, "colour", "no such field"),
        ({"text": "x"}, "collection", "missing"),
        (
            {"collection": "notes", "text": "x", "options": {"diversity": 2}},
            "options.diversity",
            "equal to 1",
        ),
        (
            {
                "collection": "notes",
                "text": "x",
                "options": {"ranker": "linear", "reranker": "late_interaction"},
            },
            "options.ranker",
            "learned ranking",
        ),
    ],
)
def test_a_wrong_request_names_the_field(
    http: httpx.Client, body: dict[str, Any], param: str, said: str
) -> None:
    told = http.post("/api/search", json=body)

    assert told.status_code == 400
    assert told.json()["error"]["param"] == param
    assert said in told.json()["error"]["message"]


def test_a_photo_is_searched_with(http: httpx.Client) -> None:
    body = {"collection": "album", "image": base64.b64encode(photo()).decode()}

    asked, found = lines(http.post("/api/search", json=body))

    assert asked["given"] == ["image"]
    assert "image" not in asked
    assert found["result"]["hits"][0]["hit"]["item_id"] == "sea.jpg"


def test_votes_on_hits_are_judgements_that_the_ranker_reads(http: httpx.Client, votes: Path) -> None:
    for query, item, grade in [
        ("tide", "tides", 0),
        ("tide", "tides", 1),
        ("tide", "cats", 0),
        ("bread", "bread", 1),
    ]:
        vote = {"on": "hit", "collection": "notes", "query": query, "item_id": item, "grade": grade}
        assert http.post("/api/votes", json=vote).json() == {"kept": True}

    read = read_judgements(votes / "acme" / "judgements.jsonl")

    assert [(one.query, one.grades) for one in read] == [
        ("tide", {"tides": 1, "cats": 0}),
        ("bread", {"bread": 1}),
    ]


def test_votes_on_claims_are_pairs_that_the_checker_learns_from(http: httpx.Client, votes: Path) -> None:
    vote = {
        "on": "claim",
        "evidence": "The moon pulls the sea.",
        "claim": "The sun does.",
        "label": "supported",
    }
    for label in ("supported", "contradicted"):
        assert http.post("/api/votes", json=vote | {"label": label}).status_code == 200

    (pair,) = map(json.loads, (votes / "acme" / "claims.jsonl").read_text().splitlines())

    assert pair == {
        "evidence": vote["evidence"],
        "claim": vote["claim"],
        "label": "contradicted",
        "source": "votes",
    }


def test_a_vote_that_says_too_little_or_is_anothers_is_refused(http: httpx.Client, votes: Path) -> None:
    vote = {"on": "hit", "collection": "notes", "query": "tide", "item_id": "tides", "grade": 1}

    assert http.post("/api/votes", json=vote | {"item_id": " "}).status_code == 400
    assert http.post("/api/votes", json=vote | {"grade": 9}).json()["error"]["param"] == "grade"
    assert http.post("/api/votes", json=vote, headers=by(STRANGER)).status_code == 404
    assert not (votes / "globex").exists()


def test_a_file_of_votes_that_is_full_takes_no_more_and_stays(http: httpx.Client, votes: Path) -> None:
    path = votes / "acme" / "claims.jsonl"
    path.parent.mkdir(exist_ok=True)
    before = path.read_bytes() if path.exists() else b""
    path.write_text(json.dumps({"evidence": "x" * (MOST_BYTES - 100), "claim": "y"}) + "\n")
    full = path.read_bytes()

    told = http.post("/api/votes", json={"on": "claim", "evidence": "a" * 200, "claim": "b"})

    assert (told.status_code, told.json()["error"]["code"]) == (429, "VOTES_FULL")
    assert path.read_bytes() == full
    path.write_bytes(before)
