"""OpenAI's chat completions over real HTTP, small, and able to fail as servers do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

WORDS = ("The ", "bridge ", "is ", "open ", "on ", "Monday.")


@dataclass
class ChatServer:
    """What it does, and was asked: `failures` are statuses of the next calls."""

    words: Sequence[str] = WORDS
    failures: list[int] = field(default_factory=list)
    breaks_after: int | None = None
    garbage: bytes = b""
    seconds: float = 0.0
    stays_silent: bool = False
    retry_after: str = ""
    refusal: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    base_url: str = ""
    served: Sequence[str] = ("far-8b",)
    status: int = 200

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        if self.failures:
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            said = {"error": {"message": self.refusal}}
            return web.json_response(said, status=self.failures.pop(0), headers=headers)
        if self.stays_silent:
            await asyncio.sleep(60)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for number, word in enumerate(self.words):
                if number == self.breaks_after:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                if number == 2 and self.garbage:
                    await response.write(self.garbage)
                await self._send(response, self._choice(body, word))
                await asyncio.sleep(self.seconds)
            end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
            await self._send(response, end)
            usage = {"prompt_tokens": 40, "completion_tokens": len(self.words)}
            await self._send(response, {"choices": [], "usage": usage})
            await response.write(b"data: [DONE]\n\n")
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        return response

    async def models(self, _: web.Request) -> web.StreamResponse:
        data = [{"id": name, "object": "model"} for name in self.served]
        return web.json_response({"object": "list", "data": data}, status=self.status)

    def _choice(self, body: dict[str, Any], word: str) -> dict[str, Any]:
        choice: dict[str, Any] = {"delta": {"content": word}, "finish_reason": None}
        if body.get("logprobs"):
            other = [{"token": "Other", "logprob": -2.5}] * body["top_logprobs"]
            choice["logprobs"] = {"content": [{"token": word, "logprob": -0.5, "top_logprobs": other}]}
        return {"choices": [choice]}

    async def _send(self, response: web.StreamResponse, event: dict[str, Any]) -> None:
        await response.write(f"data: {json.dumps(event)}\n\n".encode())


@asynccontextmanager
async def chat_server(server: ChatServer) -> AsyncIterator[ChatServer]:
    """Listens while the context is open."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_get("/v1/models", server.models)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    [address] = runner.addresses
    server.base_url = f"http://127.0.0.1:{address[1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
