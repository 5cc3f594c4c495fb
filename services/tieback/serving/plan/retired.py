"""Spaces that are no longer served and that stored collections still need, loaded to read these.

A space is retired where its model has another revision or precision now, or is not served. Its files are
found by the snapshots of cards in the model store, and by the catalog's cards in their other precisions. A
joint space is found by its binding in the store; one that was made of class names is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tieback_contract.vectors import SpaceRef

from tieback.answer import JointPipeline, SingleSpace
from tieback.artifacts import stored
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.core.types.fusion import JOINT_SPACE
from tieback.encoder import Encoder
from tieback.serving.plan import assembly
from tieback.serving.plan.spaces import bound_joint_inputs, single_space
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from tieback.models.joint.artifact import JointSpaceArtifact
    from tieback.router import Router

log = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
"""A retired model that nobody asked for so long is unloaded; longer than a request may take."""


@dataclasses.dataclass(frozen=True, slots=True)
class RetiredSpace:
    """A space that is not served: its encoders' cards, by the names that they are called by.

    Those in `retired` have to be loaded, the others are served. A joint space is `bound`.
    """

    encoders: Mapping[str, EncoderCard]
    retired: Mapping[str, EncoderCard]
    bound: JointSpaceArtifact | None = None


class RetiredCards:
    """Finds spaces that are not served, beside the encoders that are."""

    def __init__(self, settings: Settings, served: Sequence[EncoderCard]) -> None:
        self._served = served
        self._catalog = Catalog.load(settings.cards).encoders()
        self._store = assembly.open_store(settings)
        self._is_on = settings.retired_spaces > 0
        self._known = lru_cache(maxsize=256)(self._find)

    def of(self, ref: SpaceRef) -> RetiredSpace | None:
        """The space of that exact name; None where something of it is not in the store.

        Reads files the first time that a space is asked for.
        """
        return self._known(ref) if self._is_on else None

    def has(self, ref: SpaceRef) -> bool:
        """Whether the space can be loaded."""
        return self.of(ref) is not None

    def _find(self, ref: SpaceRef) -> RetiredSpace | None:
        if ref.name != JOINT_SPACE:
            retired = self._retired(ref, "")
            return RetiredSpace(retired, retired) if retired else None
        bound = self._binding(ref)
        if bound is None:
            return None
        encoders: dict[str, EncoderCard] = {}
        gone: dict[str, EncoderCard] = {}
        for space in bound.spaces.values():
            served = {card.name: card for card in self._served if card.space == space}
            retired = {} if served else self._retired(space, f"+{ref.revision}")
            if not served and not retired:
                return None
            encoders |= {**served, **retired}
            gone |= retired
        return RetiredSpace(encoders, gone, bound)

    def _retired(self, ref: SpaceRef, suffix: str) -> dict[str, EncoderCard]:
        named = [
            card
            for card in (*self._store.stored_encoders(), *self._catalog)
            if ref.name == (card.shares or card.name)
        ]
        return {
            f"{card.name}@{ref.revision}-{ref.fingerprint}{suffix}": card.at(precision)
            for card in named
            for precision in card.offered_precisions
            if card.at(precision).space == ref and self._store.is_ready(card)
        }

    def _binding(self, ref: SpaceRef) -> JointSpaceArtifact | None:
        """The binding in the store that makes this joint space. Broken ones make none."""
        from tieback.models.joint.artifact import JointSpaceArtifact
        from tieback.router.bound import joint_space_of

        for folder in stored(self._store.bound):
            with contextlib.suppress(StartupError):
                bound = JointSpaceArtifact.load(folder)
                if joint_space_of(bound).ref == ref:
                    return bound
        return None


@dataclasses.dataclass(slots=True)
class _Loaded:
    names: Collection[str]
    loading: asyncio.Task[SingleSpace | JointPipeline]
    used: float


class RetiredSpaces:
    """Loads retired spaces when they are asked for, at most as many at once as the settings allow.

    Their encoders are the `encoder`'s, under names that no space has. For one event loop.
    """

    def __init__(
        self, settings: Settings, cards: RetiredCards, encoder: Encoder, *, idle: float = IDLE_SECONDS
    ) -> None:
        self._settings, self._cards, self._encoder, self._idle = settings, cards, encoder, idle
        self._loaded: dict[SpaceRef, _Loaded] = {}
        self._broken: set[SpaceRef] = set()
        self._reaper: asyncio.Task[None] | None = None

    async def find(self, ref: SpaceRef) -> SingleSpace | JointPipeline | None:
        """The space, loaded; None where its model is not there, is broken, or too many are loaded.

        May be cancelled: the model is loaded on for whoever asks next.
        """
        known = self._loaded.get(ref)
        if known is None:
            if ref in self._broken:
                return None
            space = await asyncio.to_thread(self._cards.of, ref)
            known = self._loaded.get(ref)  # meanwhile another may have begun
            if known is None:
                if space is None or len(self._loaded) >= self._settings.retired_spaces:
                    return None
                task = asyncio.create_task(self._load(ref, space))
                known = self._loaded[ref] = _Loaded(space.retired, task, time.monotonic())
        known.used = time.monotonic()
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._unload_idle())
        try:
            return await asyncio.shield(known.loading)
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises for damaged files
            if self._loaded.get(ref) is known:
                log.warning("the retired space %s cannot be loaded: %s", ref, error)
                self._broken.add(ref)
                del self._loaded[ref]
                for name in known.names:
                    await self._encoder.remove_retired(name)
            return None

    async def close(self) -> None:
        """Stops loading and unloading. The models are closed with the encoder."""
        tasks: list[asyncio.Task[Any]] = [known.loading for known in self._loaded.values()]
        if self._reaper is not None:
            tasks.append(self._reaper)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self, ref: SpaceRef, space: RetiredSpace) -> SingleSpace | JointPipeline:
        settings = self._settings
        models = await asyncio.to_thread(assembly.load_models, settings, list(space.retired.values()))
        for name, model in zip(space.retired, models, strict=True):
            await self._encoder.add_retired(name, model)
        log.info("loaded the retired space %s to read collections in it", ref)
        if space.bound is None:
            return single_space(ref, space.encoders, settings.regions)
        router = await asyncio.to_thread(_router_of, space.bound, space.encoders, settings)
        joint_inputs = bound_joint_inputs(space.bound, space.encoders, settings.regions)
        return JointPipeline(router.space, joint_inputs, router, space.bound.losses)

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


def _router_of(bound: JointSpaceArtifact, encoders: Mapping[str, EncoderCard], settings: Settings) -> Router:
    from tieback.router import Router

    modalities = {card.name: card.modality for card in encoders.values()}
    return Router.bound(bound, modalities=modalities, limits=settings.limits)
