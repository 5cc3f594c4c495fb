"""Cards that recipes write for what they made: whole or not at all, and readable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tieback.catalog.catalog import read_card

LINE = 100


def write_card(path: Path, fields: Mapping[str, Any]) -> Path:
    """Writes the card's file, once it was read as one, and returns it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(
        yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True, width=LINE), encoding="utf-8"
    )
    read_card(partial)
    return partial.replace(path)
