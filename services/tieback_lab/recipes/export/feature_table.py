"""A feature table is served as it came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tieback.catalog.card import EncoderCard
from tieback.models.store.manifest import link_or_copy

from tieback_lab.catalog.runtimes.feature_table import FeatureTable
from tieback_lab.models.feature_table import WEIGHTS


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Puts the table in its place."""
    report("a table needs no export")
    link_or_copy(weights / card.options_for(FeatureTable).weights, out / WEIGHTS)
    return {}
