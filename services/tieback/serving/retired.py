"""Spaces that are no longer served and that stored collections still need, loaded to read these.

A space is retired where its model has another revision or precision now, or is not served. Its files are
found by the snapshots of cards in the model store, and by the catalog's cards in their other precisions.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tieback.answer import SingleSpace
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.core.types import JOINT_SPACE, SpaceRef, VectorKind
from tieback.encoder import Encoder
from tieback.serving import assembly
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
"""A retired model that nobody asked for so long is unloaded; longer than a request may take."""


class RetiredCards:
    """The cards of spaces that are not served, by the spaces' exact names."""

    def __init__(self, settings: Settings) -> None:
        self._catalog = Catalog.load(settings.cards).encoders()
        self._store = assembly.open_store(settings)
        self._is_on = settings.retired_spaces > 0
        self._known = lru_cache(maxsize=256)(self._find)

    def of(self, ref: SpaceRef) -> tuple[EncoderCard, ...]:
        """The cards whose encoders lead into that space and are in the store; empty for none.

        Reads files the first time that a space is asked for.
        """
        return self._known(ref) if self._is_on and ref.name != JOINT_SPACE else ()

    def has(self, ref: SpaceRef) -> bool:
        """Whether the space can be loaded."""
        return bool(self.of(ref))

    def _find(self, ref: SpaceRef) -> tuple[EncoderCard, ...]:
        named = [
            card
            for card in (*self._store.stored_encoders(), *self._catalog)
            if ref.name == (card.shares or card.name) and VectorKind.DENSE in card.kinds
        ]
        found = {
            card.name: card.at(precision)
            for card in named
            for precision in card.offered_precisions
            if card.at(precision).space == ref and self._store.is_ready(card)
        }
        return tuple(found.values())


@dataclasses.dataclass(slots=True)
class _Loaded:
    names: Mapping[str, EncoderCard]
    loading: asyncio.Task[SingleSpace]
    used: float


class RetiredSpaces:
    """Loads retired spaces when they are asked for, at most so many at once as the settings say.

    Their encoders are the `encoder`'s, under names that no space has. For one event loop.
    """

    def __init__(
        self, settings: Settings, cards: RetiredCards, encoder: Encoder, *, idle: float = IDLE_SECONDS
    ) -> None:
        self._settings, self._cards, self._encoder, self._idle = settings, cards, encoder, idle
        self._loaded: dict[SpaceRef, _Loaded] = {}
        self._broken: set[SpaceRef] = set()
        self._reaper: asyncio.Task[None] | None = None

    async def find(self, ref: SpaceRef) -> SingleSpace | None:
        """The space, loaded; None where its model is not there, is broken, or too many are loaded.

        May be cancelled: the model is loaded on for whoever asks next.
        """
        known = self._loaded.get(ref)
        if known is None:
            if ref in self._broken:
                return None
            cards = await asyncio.to_thread(self._cards.of, ref)
            known = self._loaded.get(ref)  # meanwhile another may have begun
            if known is None:
                if not cards or len(self._loaded) >= self._settings.retired_spaces:
                    return None
                named = {f"{card.name}@{ref.revision}-{ref.fingerprint}": card for card in cards}
                task = asyncio.create_task(self._load(ref, named))
                known = self._loaded[ref] = _Loaded(named, task, time.monotonic())
        known.used = time.monotonic()
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._unload_idle())
        try:
            return await asyncio.shield(known.loading)
        except StartupError as error:
            if ref not in self._broken:
                log.warning("the retired space %s cannot be loaded: %s", ref, error.message)
            self._broken.add(ref)
            self._loaded.pop(ref, None)
            return None

    async def close(self) -> None:
        """Stops loading and unloading. The models are closed with the encoder."""
        tasks: list[asyncio.Task[Any]] = [known.loading for known in self._loaded.values()]
        if self._reaper is not None:
            tasks.append(self._reaper)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self, ref: SpaceRef, named: Mapping[str, EncoderCard]) -> SingleSpace:
        models = await asyncio.to_thread(assembly.load_models, self._settings, list(named.values()))
        for name, model in zip(named, models, strict=True):
            await self._encoder.add_retired(name, model)
        log.info("loaded the retired space %s to read collections in it", ref)
        return assembly.single_space(ref, named)

    async def _unload_idle(self) -> None:
        while self._loaded:
            await asyncio.sleep(self._idle / 2)
            old = time.monotonic() - self._idle
            for ref, known in list(self._loaded.items()):
                if known.used < old and known.loading.done():
                    del self._loaded[ref]
                    for name in known.names:
                        await self._encoder.remove_retired(name)
        self._reaper = None
