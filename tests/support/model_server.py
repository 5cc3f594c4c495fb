"""APIs of model servers over real HTTP, computed by real small models, and able to fail as servers do."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import web
from tieback_contract.arrays import Array

from support.certificates import Pair

Encode = Callable[[Sequence[str]], Array]
Score = Callable[[str, Sequence[str]], Sequence[float]]
Classify = Callable[[Sequence[Sequence[str]]], Array]
"""The logits `[n, labels]` of texts or pairs."""


@dataclass
class ModelServer:
    """The APIs of text-embeddings-inference, vLLM, Infinity and KServe.

    `longest` bounds the words of a text and `most` the texts of a request. `failures` are statuses of the
    next requests. `hangs_up` ends the connection after each answer. `most_at_once` counts what was under way.
    """

    encode: Encode | None = None
    score: Score | None = None
    classify: Classify | None = None
    labels: Sequence[str] = ()
    longest: int = 1000
    most: int = 1000
    failures: list[int] = field(default_factory=list)
    answer: Any = None
    hangs_up: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0
    base_url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append((request.path, body))
        self.headers.append(dict(request.headers))
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            response = self._response(request.path, body)
        finally:
            self.under_way -= 1
        if self.hangs_up:
            response.force_close()
        return response

    def _response(self, path: str, body: dict[str, Any]) -> web.Response:
        if self.failures:
            headers = {"Retry-After": "0"}
            return web.json_response({"error": "not now"}, status=self.failures.pop(0), headers=headers)
        if self.answer is not None:
            return web.json_response(self.answer)
        texts = _texts(path, body)
        if len(texts) > self.most:
            return web.json_response(
                {"error": f"batch size {len(texts)} > maximum allowed batch size {self.most}"}, status=422
            )
        longest = max(len(text.split()) for text in texts)
        if longest > self.longest and not body.get("truncate"):
            told = f"`inputs` must have less than {self.longest} tokens. Given: {longest}"
            return web.json_response({"error": told, "error_type": "Validation"}, status=413)
        return web.json_response(self._answer(path, body, [one[: 10 * self.longest] for one in texts]))

    def _answer(self, path: str, body: dict[str, Any], texts: Sequence[str]) -> Any:
        if path.endswith("/infer"):
            return self._inferred(body, texts)
        if path in ("/embed", "/v1/embeddings"):
            assert self.encode is not None
            rows = self.encode(texts)
            if path == "/embed":
                return rows.tolist()
            base = body["encoding_format"] == "base64"
            data = [
                {
                    "index": place,
                    "embedding": base64.b64encode(row.tobytes()).decode() if base else row.tolist(),
                }
                for place, row in enumerate(rows)
            ]
            return {"object": "list", "data": data[::-1], "model": body["model"]}
        if path in ("/predict", "/classify"):
            return self._labelled(path, body)
        assert self.score is not None
        query = body.get("query") or body["text_1"]
        scores = list(enumerate(float(one) for one in self.score(query, texts)))
        if path == "/rerank":
            return [{"index": place, "score": one} for place, one in sorted(scores, key=lambda one: -one[1])]
        if path == "/score":
            return {"data": [{"index": place, "object": "score", "score": one} for place, one in scores]}
        results = [{"index": place, "relevance_score": one} for place, one in scores]
        return {"results": results[::-1]}

    def _labelled(self, path: str, body: dict[str, Any]) -> Any:
        assert self.classify is not None
        if path == "/classify":
            powers = np.exp(self.classify([[text] for text in body["input"]]))
            rows = (powers / powers.sum(axis=1, keepdims=True)).tolist()
            data = [{"index": place, "label": "?", "probs": row} for place, row in enumerate(rows)]
            return {"object": "list", "data": data[::-1], "model": body["model"]}
        assert body["raw_scores"] is True
        named = [zip(self.labels, row, strict=True) for row in self.classify(body["inputs"]).tolist()]
        rows = [[{"label": name, "score": score} for name, score in row] for row in named]
        return [sorted(row, key=lambda one: -one["score"]) for row in rows]

    def _inferred(self, body: dict[str, Any], texts: Sequence[str]) -> Any:
        (name,) = [one["name"] for one in body["outputs"]]
        inputs = {one["name"]: one for one in body["inputs"]}
        assert all(one["datatype"] == "BYTES" and one["shape"] == [len(texts), 1] for one in inputs.values())
        if "query" in inputs:
            assert self.score is not None
            queries = inputs["query"]["data"]
            values = np.array([self.score(one, [text])[0] for one, text in zip(queries, texts, strict=True)])
        else:
            assert self.encode is not None
            values = self.encode(texts)
        data = values.reshape(-1).tolist()
        outputs = [{"name": name, "datatype": "FP32", "shape": list(values.shape), "data": data}]
        return {"model_name": "m", "outputs": outputs}

    async def info(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"model_id": "somebody/Small-E5", "max_input_length": 24})

    async def models(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"data": [{"id": "small", "max_model_len": 32}]})

    async def health(self, _: web.Request) -> web.StreamResponse:
        return web.Response()


def _texts(path: str, body: dict[str, Any]) -> list[str]:
    if path.endswith("/infer"):
        return list(body["inputs"][-1]["data"])
    if path == "/predict":
        return [" ".join(one) for one in body["inputs"]]
    for name in ("input", "inputs", "texts", "documents", "text_2"):
        if name in body:
            return list(body[name])
    raise KeyError(path)


@asynccontextmanager
async def model_server(server: ModelServer, certificate: Pair | None = None) -> AsyncIterator[ModelServer]:
    """Listens while the context is open, by TLS with a `certificate`."""
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.certificate, certificate.key)
    app = web.Application()
    for path in (
        *("/v1/embeddings", "/v1/rerank", "/embed", "/rerank", "/score", "/predict", "/classify"),
        "/v2/models/{name}/infer",
    ):
        app.router.add_post(path, server.handle)
    app.router.add_get("/info", server.info)
    app.router.add_get("/v1/models", server.models)
    app.router.add_get("/health", server.health)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    [address] = runner.addresses
    server.base_url = f"http{'' if context is None else 's'}://127.0.0.1:{address[1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
