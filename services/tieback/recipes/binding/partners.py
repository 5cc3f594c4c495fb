"""What routers learn from: texts of each kind, and partners that the projections were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.joint.projecting import Dense, rows_of
from tieback.joint.space import Joint
from tieback.methods.projection import fit, projections
from tieback.recipes.binding.blocks import BlockSpec
from tieback.recipes.binding.participants import Member
from tieback.recipes.binding.training_set import CAPTIONED, TrainingSet
from tieback.recipes.fitting.projections import ATTENTION, INTO_TEXT
from tieback.recipes.fitting.routers import NEITHER, Partners
from tieback.training.class_texts import CAPTION
from tieback.training.splits import folds

FOLDS = 5

SCENES_TRUST, OTHERWISE_TRUST = 0.75, 0.5
"""How far weights of text blocks are followed: those that find classes best by scenes; those that find them
by names in templates, and the sentence after a sentence.

What is asked varies more, so the rest is equal weights."""


def partners(
    training_set: TrainingSet, joint: Joint, blocks: Sequence[BlockSpec], kinds: Sequence[str]
) -> dict[str, list[Partners]]:
    """By kind: of texts about a modality, its members' rows; of others, the sentence after each."""
    found: dict[str, list[Partners]] = {}
    for kind in kinds:
        if kind == NEITHER:
            first, following = (
                joint.project_inputs(rows_of(training_set.sentences, rows))
                for rows in (slice(None, -1), slice(1, None))
            )
            found[kind] = [Partners(first, following, None, OTHERWISE_TRUST)]
        else:
            found[kind] = [
                _of_rows(training_set, joint, block)
                for block in blocks
                if block.member.modality is Modality(kind) and not block.member.paired
            ]
    return found


def own_blocks(training_set: TrainingSet, joint: Joint) -> dict[Modality, list[str]]:
    """By modality, the blocks of members and of shared spaces in which it is found."""
    found = {}
    for modality in CAPTIONED:
        readers = {card.space.name for card in training_set.participants.reading(modality)}
        own = [one.space.name for one in joint.blocks if one.modality is modality]
        if blocks := [name for name in own if name in readers]:
            found[modality] = blocks
    return found


def _of_rows(training_set: TrainingSet, joint: Joint, block: BlockSpec) -> Partners:
    texts, rows = _about(training_set, block.member)
    trust = SCENES_TRUST if block.name in training_set.scenes else OTHERWISE_TRUST
    documents = rows_of(_left_out(training_set, block), rows)
    return Partners(joint.project_inputs(texts), documents, rows, trust)


def _about(training_set: TrainingSet, member: Member) -> tuple[Dense, Array]:
    """Texts about the rows to learn from, with these: scenes, or captions without any."""
    chosen = member.split.training
    if (scenes := training_set.scenes.get(member.name)) is not None:
        about = scenes.about(chosen)
        if len(about) > len(chosen) // FOLDS:
            return rows_of(scenes.texts, about), scenes.classes[about]
    return training_set.captions(member.name, CAPTION, chosen), chosen


def _left_out(training_set: TrainingSet, block: BlockSpec) -> dict[str, Array]:
    """Every row `[rows, width]` in each text block, by projections that were fitted without its thing."""
    chosen = block.member.split.training
    fold = folds(block.member.things[chosen], training_set.seed, count=FOLDS)
    found, project = {}, projections.configure(ATTENTION, {"sharpness": INTO_TEXT})
    for card in training_set.participants.texts:
        names = training_set.class_texts(block.name, card.name)
        rows = np.zeros_like(names)
        for left_out in range(FOLDS):
            inside, outside = chosen[fold != left_out], chosen[fold == left_out]
            state = fit(ATTENTION, block.features[inside], names[inside])
            rows[outside] = project(block.features[outside], state)
        found[card.space.name] = rows
    return found
