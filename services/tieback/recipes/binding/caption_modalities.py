"""Texts by what they describe: photos, sounds, 3D models, or none of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.joint.projecting import Dense, rows_of
from tieback.recipes.binding.participants import Member
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.fitting.routers import NEITHER
from tieback.training.splits import HELD_OUT, Split, split_off

CAPTIONED = (Modality.IMAGE, Modality.AUDIO, Modality.POINTS)
FEWEST_TO_CHOOSE_BY = 20
"""With fewer sentences, none is kept apart to choose by."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionsByModality:
    """Dense vectors by text space, of texts that describe "image", "audio", "points", or none: "text"."""

    training: dict[str, Dense]
    held_out: dict[str, Dense]


def captions_by_modality(training_set: TrainingSet) -> CaptionsByModality:
    """Captions of all rows, held-out ones apart; a tenth of the sentences apart too."""
    found = CaptionsByModality({}, {})
    for modality in CAPTIONED:
        participants = [one for one in training_set.participants.of(modality) if one.captioned]
        for into, inside in ((found.training, False), (found.held_out, True)):
            parts = [_captions(training_set, one, inside) for one in participants]
            parts += [
                rows_of(scenes.texts, scenes.about(one.split.held_out, others=not inside))
                for one in participants
                if (scenes := training_set.scenes.get(one.name)) is not None
            ]
            if parts and len(next(iter(parts[0].values()))):
                into[modality.value] = {
                    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
                }
    read = sentences(len(training_set.corpus.texts), training_set.seed)
    written = sentences(len(next(iter(training_set.neutral.values()), ())), training_set.seed)
    for into, chosen, others in (
        (found.training, _fitted(read), _fitted(written)),
        (found.held_out, read.held_out, written.held_out),
    ):
        if len(chosen):
            into[NEITHER] = {
                name: np.concatenate([rows[chosen], training_set.neutral[name][others]])
                for name, rows in training_set.sentences.items()
            }
    return found


def sentences(count: int, seed: int) -> Split:
    """Places of sentences: a tenth to report on, and where there are enough, as many to choose by."""
    apart = max(1, round(HELD_OUT * count)) if count > 1 else 0
    chosen_by = apart if count >= FEWEST_TO_CHOOSE_BY else 0
    return split_off(count, apart, chosen_by, seed)


def _fitted(places: Split) -> Array:
    return np.sort(np.concatenate([places.training, places.validation]))


def _captions(training_set: TrainingSet, member: Member, inside: bool) -> dict[str, Array]:
    """Of rows held out, or of the others, without the bare names, which name no modality."""
    rows = np.flatnonzero(np.isin(member.rows, member.split.held_out) == inside)
    return {
        text: vectors[1:, rows].reshape(-1, vectors.shape[2])
        for text, vectors in training_set.names[member.name].items()
    }
