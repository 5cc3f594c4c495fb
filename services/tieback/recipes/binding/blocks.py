"""The blocks of a joint vector, and how each space enters its own.

Text spaces have blocks of their own, as they are. The block of another encoder is its space along the
directions in which what it tells apart reaches farthest. Encoders that share a space have one block together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.artifacts.packed_arrays import rounded
from tieback.catalog.card import EncoderCard
from tieback.joint.projecting import project, rows_of
from tieback.methods.projection import unit_rows
from tieback.methods.projection.subspace import principal
from tieback.models.joint.artifact import NATIVE, BoundProjection, SpaceBlock
from tieback.recipes.binding.participants import Member, Participants
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.fitting.projections import called

SUBSPACE = "subspace"

WIDTHS = {Modality.IMAGE: 512, Modality.AUDIO: 256, Modality.POINTS: 256}
"""The most dimensions of a block."""

TYPICAL_INPUTS = 32
"""So many show where the features of a classifier lie. Twenty photos of a demo do so worse than nothing."""

Centres = Mapping[str, Mapping[Modality, Array]]
"""By space and modality, what is taken off a vector before anything reads it (`dual_encoders.py`)."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockSpec:
    """A member's block: the projection into it, its rows' vectors there, and the features that a row gives.

    `targets` `[rows, block width]` and `features` `[rows, width]` are unit rows.
    """

    member: Member
    block: SpaceBlock
    native: BoundProjection
    targets: Array
    features: Array

    @property
    def name(self) -> str:
        """The member's."""
        return self.member.name

    def inputs(self, rows: Array) -> dict[str, Array]:
        """The vectors of the inputs of those rows, by every encoder that reads them."""
        return {self.name: self.features[rows], **rows_of(self.member.others, rows)}


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The blocks in their order, the projections of spaces into their own, and members' specs."""

    blocks: tuple[SpaceBlock, ...]
    native: tuple[BoundProjection, ...]
    specs: tuple[BlockSpec, ...]
    centres: Centres


def layout(training_set: TrainingSet, centres: Centres) -> Layout:
    """Of all members; blocks are in the order of their names."""
    specs = tuple(
        _of_inputs(one, WIDTHS[one.modality])
        if one.paired
        else _of_classes(one, training_set.real(one.card), WIDTHS[one.modality])
        for one in training_set.participants.labelled
    )
    native = [_of_text(card, training_set.participants) for card in training_set.participants.texts]
    native += [(one.block, [one.native]) for one in specs]
    native.sort(key=lambda pair: pair[0].space.name)
    blocks = tuple(block for block, _ in native)
    return Layout(blocks, tuple(one for _, projections in native for one in projections), specs, centres)


def _of_text(text: EncoderCard, participants: Participants) -> tuple[SpaceBlock, list[BoundProjection]]:
    """The block of a text space, and the projections of all its encoders into it."""
    if not text.shares:
        block = SpaceBlock(text.space, Modality.TEXT, text.width)
        return block, [BoundProjection(text.space, text.width, text.name, NATIVE)]
    towers = participants.towers_of(text)
    found_there = towers[0].modality if towers else Modality.TEXT
    encodes = (Modality.TEXT, *(tower.modality for tower in towers))
    block = SpaceBlock(text.space, found_there, text.width, encodes)
    return block, [
        BoundProjection(called(card), card.width, text.space.name, NATIVE) for card in (text, *towers)
    ]


def _of_classes(member: Member, inputs: Array, width: int) -> BlockSpec:
    """A classifier's block of at most `width` dimensions.

    `inputs` `[n, card width]` are features of real photos or sounds. They show where features lie: prototypes
    are directions alone. A class's features are their mean, moved along the class's prototype as far as
    inputs are from the mean.
    """
    card, directions = member.card, member.directions
    known = len(inputs) >= TYPICAL_INPUTS
    centre = inputs.mean(axis=0) if known else np.zeros(card.width, np.float32)
    spread = float(np.linalg.norm(inputs - centre, axis=1).mean()) if known else 1.0
    native = _native(member, directions, centre, width)
    native = replace(native, state=rounded(native.state))
    targets = unit_rows(directions @ native.state["basis"])
    return BlockSpec(member, _block(native, card), native, targets, unit_rows(centre + spread * directions))


def _of_inputs(member: Member, width: int) -> BlockSpec:
    """The block of at most `width` dimensions in which a member's inputs reach farthest apart."""
    centre = member.vectors.mean(axis=0)
    native = _native(member, unit_rows(member.vectors - centre), centre, width)
    targets = project(native, member.vectors)
    return BlockSpec(member, _block(native, member.card), native, targets, member.vectors)


def _native(member: Member, rows: Array, centre: Array, width: int) -> BoundProjection:
    card = member.card
    state = principal(rows, min(width, card.width, max(1, len(rows) - 1)), centre)
    return BoundProjection(card.space, card.width, card.name, SUBSPACE, {}, state)


def _block(native: BoundProjection, card: EncoderCard) -> SpaceBlock:
    return SpaceBlock(card.space, card.modality, native.state["basis"].shape[1])
