"""Models in the store without a card: which collections need them, and how they are removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from tieback_client.cli.output import say

from tieback.catalog.card import Card, EncoderCard
from tieback.core.errors import NotFound, StartupError
from tieback.models.store import Store, read_snapshot
from tieback.serving.plan.retired import RetiredCards
from tieback.serving.settings import Settings


@dataclass(frozen=True, slots=True)
class OldModel:
    """One such folder. `needed_by` are the collections in its spaces; None where that cannot be known now."""

    name: str
    folder: Path
    size: int
    license: str
    needed_by: Sequence[str] | None

    @property
    def state(self) -> str:
        """Its row in a list."""
        if self.needed_by is None:
            return "old"
        return f"old, needed by {', '.join(self.needed_by)}" if self.needed_by else "old, not needed"


def old_models(settings: Settings, store: Store, cards: Iterable[Card]) -> list[OldModel]:
    """The models that were stored for other cards than these, by name.

    Which collections need one is not known while a server has the index's store open.
    """
    cards = list(cards)
    current = {store.folder(card) for card in cards}
    encoders = [card for card in cards if isinstance(card, EncoderCard)]
    needs = _needs(settings, RetiredCards(settings, encoders), store)
    found = []
    for folder, manifest in store.stored_models():
        if folder in current:
            continue
        card = read_snapshot(folder)
        needed = None if needs is None else needs.get(folder, [])
        license = "" if card is None else card.license
        name = f"{folder.parent.name}@{folder.name}"
        found.append(OldModel(name, folder, manifest.size, license, needed))
    return found


def remove_old(models: Sequence[OldModel], names: Sequence[str], store: Store, *, force: bool) -> None:
    """Deletes the named ones. NotFound with the choices; ClickException where one is or may be needed."""
    known = {one.name: one for one in models}
    for name in names:
        if name not in known:
            raise NotFound("old model", name, known, hint="models that a card is for are not removed")
        if force:
            continue
        if known[name].needed_by is None:
            raise click.ClickException(
                "a server has the index's store open, so which collections need the model is not known: "
                f"`tieback collections` says which are stale; --force removes {name} all the same"
            )
        if needed := known[name].needed_by:
            raise click.ClickException(
                f"{name} is needed to search {', '.join(needed)}: run tieback reindex {needed[0]}, or --force"
            )
    with store.lock():
        for name in dict.fromkeys(names):
            shutil.rmtree(known[name].folder)
            say(f"Removed {name}")


def _needs(settings: Settings, retired: RetiredCards, store: Store) -> dict[Path, list[str]] | None:
    """By a model's folder, the collections that are searched by it; a joint one by several."""
    from tieback.index.store.inspection import spaces_of_collections

    place = settings.store.expanduser().absolute()
    needs: dict[Path, list[str]] = {}
    if not place.is_dir():
        return needs
    try:
        spaces = spaces_of_collections(place)
    except StartupError:
        return None
    for name, space in spaces.items():
        found = retired.of(space)
        for folder in {store.folder(card) for card in found.retired.values()} if found else ():
            needs.setdefault(folder, []).append(name)
    return needs
