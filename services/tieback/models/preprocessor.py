"""The file of transformers that says how pictures or sounds are made ready for a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tieback.core.errors import StartupError


def read_preprocessor(path: Path, nested: str) -> dict[str, Any]:
    """Its fields; those at `nested` where it is a file of a tokenizer, too. StartupError where it is none."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StartupError(f"{path.name} is not JSON that can be read: {error}") from None
    if not isinstance(fields, dict):
        raise StartupError(f"{path.name} holds no JSON object")
    within = fields.get(nested)
    return within if isinstance(within, dict) else fields
