"""A checked text as JSON: one form for the command line, HTTP, MCP and the SDK (docs/grounding.md).

schema.json  the form, as JSON Schema
document     a checked text or an answer in this form
conformance  cases of texts to check, and what differs from them
cases        the cases: what is asked, and what has to be found
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

FORM = "urn:tieback:checked-text:1"
"""Names the form and its version; `schema` of each document has it."""


@cache
def schema() -> dict[str, Any]:
    """The form as JSON Schema (2020-12)."""
    found: dict[str, Any] = json.loads((files(__name__) / "schema.json").read_text(encoding="utf-8"))
    return found
