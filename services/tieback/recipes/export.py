"""From weights to what is served: one recipe per runtime, `export_RUNTIME.py`, loaded when it is needed."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tieback_client.installing import how_to_install

from tieback.catalog.card import Card
from tieback.catalog.own_directory import check_hashes
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.training.provenance import made_by

Report = Callable[[str], None]


class Recipe(Protocol):
    """Makes all that serving needs in `out` from the files in `weights`; returns metrics for the manifest."""

    def __call__(self, card: Any, weights: Path, out: Path, report: Report) -> dict[str, Any]:
        """StartupError where the weights do not fit the card, or the result differs from them."""
        ...


class RecipeUnavailable(StartupError):  # noqa: N818 - it is named for what it is
    """The packages that recipes need are not installed."""


def export_model(card: Card, store: Store, report: Report) -> None:
    """Exports into the store, whose manifest is written last. RecipeUnavailable without `tieback[train]`."""
    recipe = _recipe(card)
    if card.directory is not None:
        check_hashes(card.directory, card.hashes)
    folder = store.folder(card)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as out:
        begin = time.monotonic()
        metrics = recipe(card, store.weights(card), Path(out), report)
        made = made_by(recipe, seconds=time.monotonic() - begin)
        store.record_exported(card, Path(out), {"metrics": metrics, **made})


def _recipe(card: Card) -> Recipe:
    try:
        recipe: Recipe = importlib.import_module(f"{__package__}.export_{card.runtime}").export
    except ModuleNotFoundError as error:
        raise RecipeUnavailable(
            f"exporting {card.name} needs the package {error.name}: {how_to_install('train')}, "
            f"then: tieback models pull {card.name}"
        ) from error
    return recipe
