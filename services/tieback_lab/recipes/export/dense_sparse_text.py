"""The graph of both views is served as it was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tieback.catalog.card import EncoderCard
from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.export.transformer_text import check_width, example, sample_of, vocabulary_of

from tieback_lab.catalog.runtimes.dense_sparse_text import DenseSparseText


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Puts the graph and the vocabulary in their places. StartupError where they do not fit the card."""
    report("a graph of both views needs no export")
    options = card.options_for(DenseSparseText)
    link_or_copy(own_file(weights, options.weights), out / GRAPH)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    check_width(card, out / GRAPH, example(1, sample_of(card, vocabulary_of(out / TOKENIZER))))
    return {}
