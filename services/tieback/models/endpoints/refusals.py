"""Refusals of an endpoint that are of one text."""

from __future__ import annotations

from tieback.core.errors import EndpointMisconfigured, InvalidInput

TOO_LONG = (
    "too long",
    "too many tokens",
    "maximum context",
    "context length",
    "must have less than",
    "exceed",
)
OF_THE_TEXT = (400, 413, 422)
"""Statuses of servers that refuse a request for what is in it."""


def refused_text(name: str, refusal: EndpointMisconfigured) -> InvalidInput:
    """The error of the text that a model refuses, asked for it alone."""
    words = refusal.words
    if refusal.status == 413 or any(one in words.lower() for one in TOO_LONG):
        return InvalidInput(
            f"the text is longer than {name} reads: {words}; send less of it, or ask for its end to be "
            "cut off (truncation). The card counts tokens exactly where it names the model's tokenizer",
            field="text",
            reason="TEXT_TOO_LONG",
        )
    return InvalidInput(f"the endpoint of {name} refuses this text: {words}", field="text")
