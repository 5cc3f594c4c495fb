"""OpenTelemetry's conventions for generative AI, for those who ask for them.

They are not stable yet, so spans have the platform's own names unless `OTEL_SEMCONV_STABILITY_OPT_IN` names
`gen_ai_latest_experimental`, as the conventions say. What was asked and answered is in no span.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
GEN_AI = "gen_ai_latest_experimental"
Value = str | int | float | list[str]


def asks_for_gen_ai() -> bool:
    """Whether the environment of this process asks for the conventions."""
    return GEN_AI in {one.strip() for one in os.environ.get(OPT_IN, "").split(",")}


@dataclass(frozen=True, slots=True)
class SpanOperation:
    """A span as the conventions name it: what is done, and the model or the collection that does it."""

    name: str
    subject: str
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def span(self) -> str:
        """The span's name."""
        return f"{self.name} {self.subject}" if self.subject else self.name

    @property
    def begin(self) -> dict[str, Value]:
        """The span's attributes when it begins."""
        return {
            "gen_ai.operation.name": self.name,
            "gen_ai.provider.name": "tieback",
            **self.attributes,
        }


def embeddings(space: str) -> SpanOperation:
    """Contents become vectors of a space."""
    return SpanOperation("embeddings", space, {"gen_ai.request.model": space})


def retrieval(collection: str) -> SpanOperation:
    """Sections of a collection are searched for."""
    return SpanOperation("retrieval", collection, {"gen_ai.data_source.id": collection})


def generation(model: str, temperature: float, max_tokens: int) -> SpanOperation:
    """An answer is written; `model` is empty where the request names none."""
    asked: dict[str, Value] = {"gen_ai.request.temperature": temperature}
    if model:
        asked["gen_ai.request.model"] = model
    if max_tokens:
        asked["gen_ai.request.max_tokens"] = max_tokens
    return SpanOperation("text_completion", model, asked)
