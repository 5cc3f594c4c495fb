"""From weights to what is served: a file for each runtime, loaded when it is needed."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from tieback_client.installing import how_to_install

from tieback.catalog.card import Card, EncoderCard
from tieback.catalog.own_directory import check_hashes
from tieback.catalog.source import Sourced
from tieback.core.errors import StartupError
from tieback.core.extensions import entries
from tieback.models.store import Store
from tieback.models.store.manifest import link_or_copy
from tieback.training.digests import made_by

Report = Callable[[str], None]


class Recipe(Protocol):
    """Makes all that serving needs in `out` from the files in `weights`; returns metrics for the manifest."""

    def __call__(self, card: Any, weights: Path, out: Path, report: Report) -> dict[str, Any]:
        """StartupError where the weights do not fit the card, or the result differs from them."""
        ...


class RecipeUnavailable(StartupError):  # noqa: N818 - it is named for what it is
    """The packages that recipes need are not installed."""


def export_model(card: Card, store: Store, report: Report, others: Sequence[Sourced] = ()) -> None:
    """Exports into the store, whose manifest is written last. RecipeUnavailable without `tieback[train]`.

    What was exported for one of `others` is taken where their cards differ in the prompt alone.
    """
    encoders = [one for one in others if isinstance(one, EncoderCard) and one is not card]
    same = next((one for one in encoders if _has_same_graph(one, card) and store.is_ready(one)), None)
    recipe = _recipe(card, store) if same is None else partial(_linked, same=same, store=store)
    if card.directory is not None:
        check_hashes(card.directory, card.hashes)
    folder = store.folder(card)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as out:
        begin = time.monotonic()
        metrics = recipe(card, store.weights(card), Path(out), report)
        function = recipe.func if isinstance(recipe, partial) else recipe
        made = made_by(function, seconds=time.monotonic() - begin)
        store.record_exported(card, Path(out), {"metrics": metrics, **made})


def _has_same_graph(one: EncoderCard, card: Card) -> bool:
    """Tell whether encoders differ in their prompt alone; the one without says nothing of the other's."""
    if not isinstance(card, EncoderCard):
        return False
    prompted = [bool(getattr(each.options, "prompt", "")) for each in (one, card)]
    same = (one.space, one.modality, one.precisions) == (card.space, card.modality, card.precisions)
    return same and prompted != [False, True]


def _linked(
    _card: Card, _weights: Path, out: Path, report: Report, *, same: Card, store: Store
) -> dict[str, Any]:
    """A recipe that takes the files of a card that was exported."""
    report(f"taking the graph of {same.name}")
    served = store.open(same)
    for name in served.manifest.served:
        link_or_copy(served.path(name), out / name)
    return dict(served.manifest.metrics)


def can_export(card: Card, store: Store) -> bool:
    """Tell whether the packages are installed that exporting this card needs: some need no PyTorch."""
    try:
        _recipe(card, store)
    except RecipeUnavailable:
        return False
    return True


def make_merged(cards: Iterable[Card], store: Store, report: Callable[[str, str], None]) -> None:
    """Makes the merged models among the cards that are not in the store, of their parents, which are.

    It takes seconds and no PyTorch, so a server does it when it starts. StartupError where one cannot be.
    """
    wanted = [card for card in cards if card.is_merged and not store.is_ready(card)]
    if not wanted:
        return
    try:
        with store.lock(lambda: report("store", "waiting for another that writes into the store to end")):
            for card in wanted:
                if not store.is_ready(card):  # another process may have made it meanwhile
                    export_model(card, store, partial(report, card.name))
                    store.keep_card(card)
    except OSError as error:
        names = " ".join(card.name for card in wanted)
        raise StartupError(
            f"{names}: merged when loaded, and the store at {store.root} cannot be written "
            f"({error.strerror}); where it can, run: tieback models pull {names}"
        ) from error


def _recipe(card: Card, store: Store) -> Recipe:
    try:
        if isinstance(card, EncoderCard) and card.is_merged:
            from tieback.recipes.export import merged

            parents = {name: store.open(parent) for name, parent in card.parents.items()}
            return partial(merged.export, parents=parents)
        recipe: Recipe = importlib.import_module(entries(__name__)[card.runtime]).export
    except ModuleNotFoundError as error:
        raise RecipeUnavailable(
            f"exporting {card.name} needs the package {error.name}: {how_to_install('train')}, "
            f"then: tieback models pull {card.name}"
        ) from error
    return recipe


NEEDED = ("torch", "onnx")


def missing_package() -> str:
    """The first that is not installed; empty where all are."""
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            return error.name or name
    return ""


def check_packages(doing: str) -> None:
    """StartupError, with what to install, where one is not installed."""
    if missing := missing_package():
        raise StartupError(f"{doing} needs {missing}, which serving does not: {how_to_install('train')}")
