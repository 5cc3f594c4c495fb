"""Text Embeddings Inference's `/predict` over real HTTP, small, and able to fail as servers do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from tieback.catalog.catalog import read_card
from tieback.catalog.checker_card import CheckerCard

LABELS = {"yes": "supported", "no": "unsupported"}


@dataclass
class PredictServer:
    """Its answers, and its calls. `failures` are statuses of the next calls; `likely` words support."""

    likely: Sequence[str] = ("owl",)
    failures: list[int] = field(default_factory=list)
    answer: Any = None
    refusal: str = "no such input"
    health: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    base_url: str = ""

    async def predict(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        if self.failures:
            headers = {"Retry-After": "0"}
            return web.json_response({"error": self.refusal}, status=self.failures.pop(0), headers=headers)
        if self.answer is not None:
            return web.json_response(self.answer)
        return web.json_response([self.labels(texts) for texts in body["inputs"]])

    def labels(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        likely = 0.9 if all(any(word in text.lower() for word in self.likely) for text in texts) else 0.2
        return [{"label": "yes", "score": likely}, {"label": "no", "score": 1 - likely}]

    async def healthy(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=self.health)


@asynccontextmanager
async def predict_server(server: PredictServer) -> AsyncIterator[PredictServer]:
    """Listens while the context is open."""
    app = web.Application()
    app.router.add_post("/predict", server.predict)
    app.router.add_get("/health", server.healthy)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    [address] = runner.addresses
    server.base_url = f"http://127.0.0.1:{address[1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def checker_of(
    folder: Path, url: str, *, options: dict[str, Any] | None = None, **changes: Any
) -> CheckerCard:
    """The card of a checker that asks it."""
    fields = {
        "name": "far", "role": "checker", "runtime": "claim_endpoint", "description": "far", "license": "MIT",
        "upstream": "me", "max_tokens": 64,
        "options": {"base_url": url, "labels": LABELS, "attempts": 2} | (options or {}),
    }  # fmt: skip
    path = folder / "far.yaml"
    path.write_text(json.dumps(fields | changes))
    found = read_card(path)
    assert isinstance(found, CheckerCard)
    return found
