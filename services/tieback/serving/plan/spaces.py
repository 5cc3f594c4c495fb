"""Spaces as the pipeline needs them, made of the cards of their encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, VectorKind

from tieback.catalog.card import EncoderCard
from tieback.core.types.fusion import Role
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.serving.settings import Regions

if TYPE_CHECKING:
    from tieback.answer import JointInputs, SingleSpace


def bound_joint_inputs(
    bound: JointSpaceArtifact, encoders: Mapping[str, EncoderCard], regions: Regions
) -> JointInputs:
    """How these encoders, by the names that they are called by, take part in that joint space."""
    from tieback.answer import JointInputs

    members = {name: card for name, card in encoders.items() if bound.takes(card.space.name, card.modality)}
    own = {(card.space.name, card.modality) for card in members.values()}
    dense = frozenset({VectorKind.DENSE, VectorKind.LABELS})  # classes are words to find a photo by
    per_photo = frozenset({VectorKind.MULTI_VECTOR} if regions is not Regions.OFF else ())
    return JointInputs(
        by_modality(members),
        {name: dense & card.kinds for name, card in members.items()},
        {
            name: [
                projection.block
                for projection in bound.projections
                if projection.source.name == card.space.name
                and not (projection.imputes and (projection.block, card.modality) in own)
            ]
            for name, card in members.items()
        },
        {name: per_photo & card.kinds for name, card in members.items() if card.modality is Modality.IMAGE},
        per_region=regions is Regions.EACH,
        shared={name: card.space.name for name, card in members.items() if name != card.space.name},
    )


def by_modality(encoders: Mapping[str, EncoderCard]) -> dict[Modality, tuple[str, ...]]:
    """The names of the encoders of each modality that has one."""
    found: dict[Modality, tuple[str, ...]] = {}
    for modality in Modality:
        if names := tuple(name for name, card in encoders.items() if card.modality is modality):
            found[modality] = names
    return found


def single_space(ref: SpaceRef, encoders: Mapping[str, EncoderCard], regions: Regions) -> SingleSpace:
    """The space of these encoders' cards, which are by the names that the encoders are called by."""
    from tieback.answer import SingleSpace

    return SingleSpace(
        ref,
        next(iter(encoders.values())).width,
        {role: encoders_in(role, encoders) for role in Role},
        frozenset(name for name, card in encoders.items() if VectorKind.LABELS in card.kinds),
        frozenset(
            name
            for name, card in encoders.items()
            if regions is Regions.EACH
            and card.modality is Modality.IMAGE
            and VectorKind.MULTI_VECTOR in card.kinds
        ),
        compatible=tuple(one.ref for card in encoders.values() for one in card.compatible),
    )


def encoders_in(role: Role, encoders: Mapping[str, EncoderCard]) -> dict[Modality, tuple[str, ...]]:
    """One encoder per modality: of several in one space, which differ by prompt, that of the role."""
    found: dict[Modality, tuple[str, ...]] = {}
    asks = role is Role.QUERY
    for name, card in sorted(encoders.items(), key=lambda one: ("query" in _prompt(one[1])) is not asks):
        found.setdefault(card.modality, (name,))
    return found


def _prompt(card: EncoderCard) -> str:
    return str(getattr(card.options, "prompt", ""))
