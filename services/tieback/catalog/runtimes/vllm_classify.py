"""A classifier that another server runs, asked as vLLM is: `POST /classify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tieback.catalog.endpoint_options import ClassifierEndpoint, Request, in_order
from tieback.catalog.runtimes import Runtime

WHOLE = -1
"""Of `truncate_prompt_tokens`: as many tokens as the model reads."""


class VllmClassify(ClassifierEndpoint):
    """A classifier that another server runs, asked by `POST /classify` of vLLM.

    `labels` of the card are in the order of its probabilities, that of the model's id2label.
    """

    alive: ClassVar[str] = "/health"
    gives_logits: ClassVar[bool] = False
    reads_pairs: ClassVar[bool] = False

    runtime: Literal["vllm_classify"] = "vllm_classify"
    model: Annotated[str, Field(min_length=1, max_length=200)]

    def request(self, inputs: Sequence[Sequence[str]], *, cuts: bool) -> Request:
        """See `ClassifierEndpoint.request`."""
        body: dict[str, Any] = {"model": self.model, "input": [text for (text,) in inputs]}
        return "/classify", body | ({"truncate_prompt_tokens": WHOLE} if cuts else {}) | self.extra

    def scores(self, answer: Any, labels: Sequence[str]) -> list[list[float]]:
        """See `ClassifierEndpoint.scores`."""
        rows = [[float(share) for share in row] for row in in_order(answer["data"], "probs")]
        if any(len(row) != len(labels) for row in rows):
            raise KeyError("another number of labels")
        return rows


RUNTIME = Runtime("classifier", VllmClassify)
