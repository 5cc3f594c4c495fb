"""From weights to what is served: one recipe per runtime, loaded when it is needed."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tieback_client.installing import how_to_install

from tieback.catalog.card import Card
from tieback.catalog.own_directory import check_hashes
from tieback.core.errors import StartupError
from tieback.models.store import Store

Report = Callable[[str], None]

RECIPES = {
    "transformer_text": "tieback.recipes.export_transformer_text:export",
    "dual_encoder": "tieback.recipes.export_dual_encoder:export",
    "sparse_text": "tieback.recipes.export_sparse_text:export",
    "static_text": "tieback.recipes.export_static_text:export",
    "image_classifier": "tieback.recipes.export_image_classifier:export",
    "audio_classifier": "tieback.recipes.export_audio_classifier:export",
    "audio_encoder": "tieback.recipes.export_audio_encoder:export",
    "causal_language_model": "tieback.recipes.export_language_model:export",
}


class Recipe(Protocol):
    """Makes all that serving needs in `out` from the files in `weights`; returns metrics for the manifest."""

    def __call__(self, card: Any, weights: Path, out: Path, report: Report) -> dict[str, Any]:
        """StartupError where the weights do not fit the card, or the result differs from them."""
        ...


class RecipeUnavailable(StartupError):  # noqa: N818 - it is named for what it is
    """The packages that recipes need are not installed."""


def export_model(card: Card, store: Store, report: Report) -> dict[str, Any]:
    """Exports into the store, whose manifest is written last. RecipeUnavailable without `tieback[train]`."""
    recipe = _recipe(card)
    if card.directory is not None:
        check_hashes(card.directory, card.hashes)
    folder = store.folder(card)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as out:
        metrics = recipe(card, store.weights(card), Path(out), report)
        store.record(card, Path(out), metrics)
    return metrics


def _recipe(card: Card) -> Recipe:
    module, _, function = RECIPES[card.runtime].partition(":")
    try:
        recipe: Recipe = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise RecipeUnavailable(
            f"exporting {card.name} needs the package {error.name}: {how_to_install('train')}, "
            f"then: tieback models pull {card.name}"
        ) from error
    return recipe
