"""A classifier of claims that another server runs, asked over HTTP as Text Embeddings Inference is.

POST {base_url}/predict   {"inputs": [[TEXT, TEXT], …], "truncate": true, "raw_scores": false}
200                       [[{"label": LABEL, "score": PROBABILITY}, …], …]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.catalog.checker_card import CLAIM, EVIDENCE, QUESTION, CheckerCard
from tieback.catalog.claim_labels import OUTCOMES
from tieback.catalog.runtimes.claim_endpoint import ClaimEndpoint
from tieback.core.deadline import Deadline
from tieback.core.errors import EndpointMisconfigured
from tieback.models.endpoints.json_endpoint import JsonEndpoint
from tieback.models.text.card_inputs import filled
from tieback.models.text.claim_classifier import ReadClaim


class ClaimEndpointModel:
    """Asks one endpoint, over connections that are kept. For one event loop."""

    def __init__(self, card: CheckerCard) -> None:
        self.card = card
        self._options = card.options_for(ClaimEndpoint)
        self._endpoint = JsonEndpoint(card.name, self._options, correct="base_url, inputs or batch")

    async def predict(self, claims: Sequence[ReadClaim], deadline: Deadline) -> list[Array]:
        """The probabilities of the outcomes `[outcomes]` of each, in order.

        EndpointMisconfigured where it refuses what it is sent, or answers with other labels than the card's;
        and the errors of `JsonEndpoint.ask`.
        """
        body = {"inputs": [self._inputs(one) for one in claims], "truncate": True, "raw_scores": False}

        def outcomes(answer: Any) -> list[Array]:
            return [self._outcomes(one) for one in _rows(answer, len(claims))]

        return await self._endpoint.ask("/predict", body, deadline, outcomes)

    async def probe(self) -> str:
        """Why it cannot be asked now, in one sentence; empty where it can."""
        return await self._endpoint.probe("/health")

    async def close(self) -> None:
        """Closes the connections."""
        await self._endpoint.close()

    def _inputs(self, read: ReadClaim) -> list[str]:
        values = {EVIDENCE: read.evidence, CLAIM: read.claim, QUESTION: read.question}
        return [filled(text, values)[0] for text in self.card.inputs_for(read.question)]

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
