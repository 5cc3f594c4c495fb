"""A static table is served as it came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.static_text import StaticText
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.static_text import TABLE, TOKENIZER


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Puts the table and the vocabulary in their places."""
    options = card.options_for(StaticText)
    report("a table needs no export")
    link_or_copy(weights / options.weights, out / TABLE)
    link_or_copy(weights / options.tokenizer, out / TOKENIZER)
    return {}
