"""Read what an endpoint says where it does not answer, as an error of ours with its message.

The message is another server's text: one short line of it is passed on, without control characters, tokens
and paths.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection

from tieback_contract.field_path import at

from tieback.catalog.card import GeneratorCard
from tieback.core.errors import (
    EndpointMisconfigured,
    EndpointUnavailable,
    InvalidInput,
    Overloaded,
    TiebackError,
)

LONGEST = 300
"""Characters of an endpoint's message that are passed on."""

READ = 4096
COME_BACK = (502, 503, 504)
CONTEXT = ("context", "too long", "too many tokens")
HIDDEN = re.compile(
    r"\b(?:sk|pk)-\S+|\b(?:bearer|api[_ -]?key)\b[:= ]+\S+|\b[a-z0-9_+=]{32,}|(?<![\w.:/])/[\w.-]+/[\w./-]+",
    re.IGNORECASE,
)
"""Text that may be a key, and text that may be a path."""

SAMPLING = {
    "logprobs": "log_probabilities",
    "top_logprobs": "log_probabilities",
    "response_format": "grammar",
}
"""Fields of ours by the names of theirs, where these differ."""


def refusal(
    card: GeneratorCard, status: int, body: bytes, *, given: Collection[str], token: str, retry_after: float
) -> TiebackError:
    """The error of a status that is not 200; `given` are the fields that the caller's sampling has sent."""
    name, said = card.name, told(body, token)
    words = f": {said}" if said else ""
    if status in (400, 404, 413, 422):
        folded = said.lower()
        if status == 413 or any(one in folded for one in CONTEXT):
            return InvalidInput(
                f"prompt and answer are longer than {name} reads, which are {card.context_tokens} tokens by "
                f"its card; ask in fewer words or lower max_tokens{words}",
                field="prompt",
                reason="PROMPT_TOO_LONG",
            )
        named = [one for one in given if re.search(rf"\b{one}\b", folded)]
        if named and status != 404:
            field = at("sampling", SAMPLING.get(named[0], named[0]))
            return InvalidInput(f"the endpoint of {name} refuses it{words}", field=field)
        return EndpointMisconfigured(
            f"the endpoint of {name} refuses what this server sends (status {status}){words}; correct model, "
            "dialect or base_url of its card"
        )
    if status == 429:
        return Overloaded(f"the endpoint of {name} is busy", retry_after=retry_after)
    if status in (401, 403):
        return EndpointUnavailable(f"the endpoint of {name} refuses this server's token")
    what = "is away" if status in COME_BACK else f"answers with the status {status}"
    return EndpointUnavailable(f"the endpoint of {name} {what}")


def told(body: bytes, token: str) -> str:
    """The message of an error's body: OpenAI's `error.message`, FastAPI's `detail`, or the text itself."""
    text = body.decode(errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    words = found if isinstance(found, str) else json.dumps(found)
    if token:
        words = words.replace(token, "…")
    shown = "".join(one if unicodedata.category(one)[0] != "C" else " " for one in words[:READ])
    line = HIDDEN.sub("…", " ".join(shown.split()))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
