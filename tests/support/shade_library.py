"""Photos of shades in a bound space, and the texts that look for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tieback.core.call import NO_CALL
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.loading import load_encoder
from tieback.router import Router
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.vectors import SparseVector, Vector

from support.own_encoder import encodings
from support.shade_worlds import CLIP, PHOTOS
from support.shades import (
    NAMES,
    World,
)


class Library:
    """The photos of shades in a bound space, and texts that look for them, through the router that serves."""

    def __init__(self, world: World, bound: JointSpaceArtifact) -> None:
        self.models = {card.name: load_encoder(card, world.store) for card in world.cards}
        self.router = Router.bound(bound, modalities={card.name: card.modality for card in world.cards})
        self.photos = tuple((world.data / f"{number:02}.png").read_bytes() for number in range(PHOTOS))

    def say(self, encoder: str, contents: Sequence[Any]) -> list[Encoding]:
        card = self.models[encoder].card
        return [
            Encoding(
                card.space,
                card.modality,
                vector=None if one.dense is None else Vector(one.dense, card.space),
                sparse=None if one.sparse is None else SparseVector(*one.sparse, card.space),
            )
            for one in encodings(self.models[encoder], tuple(contents))
        ]

    async def fuse(
        self, contents: Sequence[Any], encoders: Sequence[str], role: Role, routing: Routing
    ) -> list[Fused]:
        said = [self.say(encoder, contents) for encoder in encoders]
        inputs = [[FusePart(one) for one in together] for together in zip(*said, strict=True)]
        reply = await self.router.fuse(FuseRequest(inputs, role=role, routing=routing), NO_CALL)
        assert all(isinstance(one, Fused) for one in reply.results), reply.results
        return [one for one in reply.results if isinstance(one, Fused)]

    async def ranks(
        self, *encoders: str, seen_by: Sequence[str] = ("eyes", "clip-image"), routing: Routing | None = None
    ) -> Array:
        """The place of the right photo for the caption of every photo."""
        routing = routing or Routing("explicit", {CLIP: 1.0})
        texts = [f"a photo of {name}" for name in NAMES[:PHOTOS]]
        asked = await self.fuse(texts, encoders, Role.QUERY, routing)
        stored = await self.fuse(self.photos, seen_by, Role.DOCUMENT, Routing())
        scores = (
            np.stack([one.vector.values for one in asked]) @ np.stack([one.vector.values for one in stored]).T
        )
        return np.asarray(1 + (scores > scores.diagonal()[:, None]).sum(axis=1))


CHANCE = float((1 / np.arange(1, PHOTOS + 1)).mean())
