"""A classifier of claims that another server runs, asked over HTTP as Text Embeddings Inference is.

POST {base_url}/predict   {"inputs": [[TEXT, TEXT], …], "truncate": true, "raw_scores": false}
200                       [[{"label": LABEL, "score": PROBABILITY}, …], …]
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Any

import aiohttp
import numpy as np
from tieback_contract.arrays import Array

from tieback.catalog.checker_card import CLAIM, EVIDENCE, QUESTION, CheckerCard
from tieback.catalog.claim_labels import OUTCOMES
from tieback.catalog.runtimes.claim_endpoint import ClaimEndpoint
from tieback.core.deadline import Deadline
from tieback.core.errors import EndpointMisconfigured, Overloaded, StartupError, TiebackError
from tieback.models.language.chat_endpoint import FIRST_WAIT, GARBAGE, seconds_of
from tieback.models.language.endpoint_connection import COME_BACK, EndpointConnection, told
from tieback.models.text.card_inputs import filled
from tieback.models.text.claim_classifier import ReadClaim

LARGEST = 16 << 20
"""Bytes of an answer."""

PROBE_SECONDS = 5.0


class ClaimEndpointModel:
    """Asks one endpoint, over connections that are kept. For one event loop."""

    def __init__(self, card: CheckerCard) -> None:
        self.card = card
        self._options = card.options_for(ClaimEndpoint)
        self._connection = EndpointConnection(card.name, self._options, accepts="application/json")

    async def predict(self, claims: Sequence[ReadClaim], deadline: Deadline) -> list[Array]:
        """The probabilities of the outcomes `[outcomes]` of each, in order.

        It is asked again where it is away or busy. EndpointMisconfigured where it refuses what it is sent, or
        answers with other labels than the card's; EndpointUnavailable, Overloaded, DeadlineExceeded.
        """
        deadline.check("the endpoint was asked")
        left = deadline.remaining()
        body = {"inputs": [self._inputs(one) for one in claims], "truncate": True, "raw_scores": False}
        try:
            async with asyncio.timeout(None if math.isinf(left) else max(left, 0.0)):
                answer = await self._answer(body)
        except TimeoutError:
            deadline.check("the endpoint had answered")
            raise self._connection.away("does not answer in time") from None
        try:
            return [self._outcomes(one) for one in _rows(json.loads(answer), len(claims))]
        except GARBAGE:
            raise self._connection.away("sent what is no answer") from None

    async def probe(self) -> str:
        """Why it cannot be asked now, in one sentence; empty where it can."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                response = await self._connection.get("/health")
                response.close()
        except StartupError:
            return self._connection.away("needs a token that is gone").message
        except (aiohttp.ClientError, TimeoutError, OSError):
            return self._connection.away("does not answer").message
        if response.status in (401, 403):
            return self._connection.away("refuses this server's token").message
        if response.status >= 500:
            return self._connection.away(f"answers with the status {response.status}").message
        return ""

    async def close(self) -> None:
        """Closes the connections."""
        await self._connection.close()

    def _inputs(self, read: ReadClaim) -> list[str]:
        values = {EVIDENCE: read.evidence, CLAIM: read.claim, QUESTION: read.question}
        return [filled(text, values)[0] for text in self.card.inputs_for(read.question)]

    async def _answer(self, body: Any) -> bytes:
        wait = FIRST_WAIT
        for attempt in range(1, self._options.attempts + 1):
            error: TiebackError
            try:
                response = await self._connection.post("/predict", body)
                try:
                    read = await _whole(response)
                finally:
                    response.close()
            except StartupError:
                raise self._connection.away("needs a token that is gone") from None
            except (aiohttp.ClientError, OSError):
                error = self._connection.away("does not answer")
            else:
                if response.status == 200:
                    return read
                error = self._refusal(response, read)
            if isinstance(error, EndpointMisconfigured) or attempt == self._options.attempts:
                raise error
            await asyncio.sleep(max(error.retry_after if isinstance(error, Overloaded) else 0.0, wait))
            wait *= 2
        raise AssertionError("there is at least one attempt")

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes) -> TiebackError:
        name, status = self.card.name, response.status
        if status == 429:
            return Overloaded(
                f"the endpoint of {name} is busy", retry_after=seconds_of(response.headers.get("Retry-After"))
            )
        if status in (401, 403):
            return self._connection.away("refuses this server's token")
        if status >= 500:
            what = "is away" if status in COME_BACK else f"answers with the status {status}"
            return self._connection.away(what)
        words = told(body, self._connection.token())
        said = f": {words}" if words else ""
        return EndpointMisconfigured(
            f"the endpoint of {name} refuses what this server sends (status {status}){said}; correct "
            "base_url, inputs or batch of its card"
        )

    def _outcomes(self, labels: Any) -> Array:
        """Probabilities of the meanings of the labels of one input."""
        found = np.zeros(len(OUTCOMES), np.float32)
        for one in labels:
            outcome = self._options.labels.get(str(one["label"]))
            if outcome is None:
                names = ", ".join(self._options.labels)
                raise EndpointMisconfigured(
                    f"the endpoint of {self.card.name} answers with a label that its card does not name; the "
                    f"card names: {names}"
                )
            score = float(one["score"])
            if not 0 <= score <= 1:
                raise ValueError("no probability")
            found[OUTCOMES.index(outcome)] += score
        if not labels:
            raise ValueError("no label")
        return found


def _rows(answer: Any, count: int) -> list[Any]:
    """An answer for each input; that of a single one may come by itself."""
    if not isinstance(answer, list) or not answer:
        raise TypeError("no list of answers")
    rows = [answer] if count == 1 and isinstance(answer[0], dict) else answer
    if len(rows) != count:
        raise ValueError("another number of answers")
    return rows


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The body. ClientError where it is too long."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LARGEST:
            raise aiohttp.ClientPayloadError("an answer that is too long")
        parts.append(part)
    return b"".join(parts)
