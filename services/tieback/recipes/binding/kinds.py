"""Texts by what they speak of: of photos, of sounds, of 3D models, or of none of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.joint.projecting import Dense, rows_of
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.members import Member
from tieback.recipes.fitting.routers import NEITHER
from tieback.training.splits import HELD_OUT, Split, split_off

SPOKEN_OF = (Modality.IMAGE, Modality.AUDIO, Modality.POINTS)
FEWEST_TO_CHOOSE_BY = 20
"""With fewer sentences, none is kept apart to choose by."""


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Dense vectors by text space, of texts that speak of "image", "audio", "points", or of none: "text"."""

    training: dict[str, Dense]
    held_out: dict[str, Dense]


def kinds(material: Material) -> Kinds:
    """Captions of all rows, held-out ones apart; a tenth of the sentences apart too."""
    found = Kinds({}, {})
    for modality in SPOKEN_OF:
        members = [one for one in material.members.of(modality) if one.captioned]
        for into, inside in ((found.training, False), (found.held_out, True)):
            parts = [_captions(material, one, inside) for one in members]
            parts += [
                rows_of(scenes.texts, scenes.about(one.split.held_out, others=not inside))
                for one in members
                if (scenes := material.scenes.get(one.name)) is not None
            ]
            if parts and len(next(iter(parts[0].values()))):
                into[modality.value] = {
                    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
                }
    read = sentences(len(material.corpus.texts), material.seed)
    written = sentences(len(next(iter(material.neutral.values()), ())), material.seed)
    for into, chosen, others in (
        (found.training, _fitted(read), _fitted(written)),
        (found.held_out, read.held_out, written.held_out),
    ):
        if len(chosen):
            into[NEITHER] = {
                name: np.concatenate([rows[chosen], material.neutral[name][others]])
                for name, rows in material.sentences.items()
            }
    return found


def sentences(count: int, seed: int) -> Split:
    """Places of sentences: a tenth to report on, and where there are enough, as many to choose by."""
    apart = max(1, round(HELD_OUT * count)) if count > 1 else 0
    chosen_by = apart if count >= FEWEST_TO_CHOOSE_BY else 0
    return split_off(count, apart, chosen_by, seed)


def _fitted(places: Split) -> Array:
    return np.sort(np.concatenate([places.training, places.validation]))


def _captions(material: Material, member: Member, inside: bool) -> dict[str, Array]:
    """Of rows held out, or of the others, without the bare names: these say nothing of the modality."""
    rows = np.flatnonzero(np.isin(member.rows, member.split.held_out) == inside)
    return {
        text: said[1:, rows].reshape(-1, said.shape[2]) for text, said in material.names[member.name].items()
    }
