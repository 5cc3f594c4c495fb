"""Tokenizers of SentencePiece put a space before a text. Where a text goes on another, there is none.

A prompt is made of pieces, so that what a user wrote cannot become a control token; each is read by itself,
and would begin with such a space.
"""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer


class LeadingSpace:
    """How the tokenizer of a file reads the pieces of a prompt.

    `going_on` is the tokenizer for a piece that another stands before; where there is no such space, it is
    the tokenizer itself. With `after_control`, a text behind a control token begins as one that stands first.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        said = json.loads(tokenizer.to_str())
        kinds: set[str] = set()
        for part in ("normalizer", "pre_tokenizer"):
            said[part] = _without(said.get(part), kinds)
        self.after_control = "always" in kinds
        self.going_on = Tokenizer.from_str(json.dumps(said)) if kinds else tokenizer


def _without(step: Any, kinds: set[str]) -> Any:
    """A step of a tokenizer without the space, None where it was that alone; notes when it put it."""
    if not isinstance(step, dict):
        return step
    if step["type"] == "Prepend":
        kinds.add("always")
        return None
    if step["type"] == "Metaspace" and step["prepend_scheme"] != "never":
        kinds.add(step["prepend_scheme"])
        return step | {"prepend_scheme": "never"}
    for parts in ("normalizers", "pretokenizers"):
        if parts in step:
            left = [_without(part, kinds) for part in step[parts]]
            return step | {parts: [part for part in left if part is not None]}
    return step
