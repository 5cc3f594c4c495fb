"""Votes of people on hits and claims, in the files that recipes learn from.

    TENANT/judgements.jsonl     a line for each query: `tieback train ranker --judgements`
    TENANT/claims.jsonl         a line for each claim and passage: `tieback train claim_reading --data`

"_" stands for the tenant where no tokens are asked for. A later vote on the same replaces the one before.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient

from tieback.core.durable_files import write_durably
from tieback.doors.caller import time_of
from tieback.doors.http.errors import Refused
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.reading import Payload, read

SECONDS = 10.0
MOST_BYTES = 16 << 20
JUDGEMENTS, CLAIMS, NOBODY = "judgements.jsonl", "claims.jsonl", "_"
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
Line = dict[str, Any]


class Vote(Payload):
    """A vote: on an item that was found for a query, or on a claim beside a passage."""

    on: Literal["hit", "claim"]
    collection: str = Field("", max_length=200)
    query: str = Field("", max_length=10_000)
    item_id: str = Field("", max_length=2000)
    grade: int = Field(0, ge=0, le=3)
    evidence: str = Field("", max_length=100_000)
    claim: str = Field("", max_length=10_000)
    label: Literal["supported", "contradicted", "unsupported"] = "supported"


class Votes:
    """The files of a folder, which one process writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = asyncio.Lock()

    async def add(self, tenant: str, vote: Vote) -> None:
        """Keeps a vote durably. `Refused` where the file is full."""
        folder = self._folder / (tenant or NOBODY)
        async with self._writing:
            if vote.on == "hit":
                await asyncio.to_thread(_replaced, folder / JUDGEMENTS, _judged(vote))
            else:
                await asyncio.to_thread(_replaced, folder / CLAIMS, _claimed(vote))


def votes(client: AsyncClient, stored: Votes | None) -> DoorOperation:
    """Takes a vote of whoever may see what it is on."""

    async def handle(request: Request) -> Response:
        vote = await read(request, Vote, {})
        _check(vote)
        usage = await client.usage(timeout=time_of(SECONDS))
        if vote.collection:
            await client.get_collection(vote.collection, timeout=time_of(SECONDS))
        if stored is None:
            raise Refused(
                501, "VOTES_NOT_KEPT", "this server keeps no votes; TIEBACK_VOTES names a folder for them"
            )
        if usage.tenant and not _TENANT.fullmatch(usage.tenant):
            raise Refused(
                501, "VOTES_NOT_KEPT", "votes of this tenant cannot be kept: its name is no file name"
            )
        await stored.add(usage.tenant, vote)
        return JSONResponse({"kept": True})

    return DoorOperation("console.vote", handle)


def _check(vote: Vote) -> None:
    needed = ("collection", "query", "item_id") if vote.on == "hit" else ("evidence", "claim")
    for name in needed:
        if not getattr(vote, name).strip():
            raise Refused(400, "INVALID_ARGUMENT", f"{name}: a vote on a {vote.on} needs it")


def _judged(vote: Vote) -> Callable[[list[Line]], None]:
    def add(lines: list[Line]) -> None:
        for one in lines:
            if (one.get("collection"), one.get("query")) == (vote.collection, vote.query):
                one["grades"] = {**one.get("grades", {}), vote.item_id: vote.grade}
                return
        grades = {vote.item_id: vote.grade}
        lines.append({"collection": vote.collection, "query": vote.query, "grades": grades})

    return add


def _claimed(vote: Vote) -> Callable[[list[Line]], None]:
    said = {"evidence": vote.evidence, "claim": vote.claim}

    def add(lines: list[Line]) -> None:
        lines[:] = [one for one in lines if {name: one.get(name) for name in said} != said]
        lines.append({**said, "label": vote.label, "source": "votes"})

    return add


def _replaced(path: Path, change: Callable[[list[Line]], None]) -> None:
    """Writes the lines of a file anew, durably and in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines: list[Line] = []
    if path.exists():
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    change(lines)
    content = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines).encode()
    if len(content) > MOST_BYTES:
        raise Refused(429, "VOTES_FULL", "there are too many votes; learn from them, and move the file away")
    write_durably(path, content, 0o600)
