"""The paths of a sparse space into the blocks that are better for one, or into all where it was named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.joint.projecting import project_inputs
from tieback.joint.ranking import places, reciprocal
from tieback.joint.retrieval import Worth
from tieback.joint.terms import TERMS, VECTORS
from tieback.methods.projection import unit_rows
from tieback.models.joint_space_artifact import SPARSE, BoundProjection
from tieback.recipes.binding.blocks import Layout
from tieback.recipes.binding.language import CAPTION
from tieback.recipes.binding.paths import Fitted
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.encoders import Encoders
from tieback.recipes.fitting.projections import WORTH, called
from tieback.recipes.fitting.terms import METHOD, Terms


def add_term_paths(
    fitted: Fitted,
    training_set: TrainingSet,
    layout: Layout,
    encoders: Encoders,
    forced: Sequence[str],
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Adds the paths of every sparse space: those that pay, and all of a space in `forced`.

    The paths so far lead its terms' vectors into blocks. Returns what each path is worth. A space of which no
    path is taken is left out, and said so.
    """
    report: list[dict[str, Any]] = []
    measured, served = list(fitted.measured), list(fitted.served)
    for terms in training_set.terms:
        name, words = terms.card.name, _words(training_set, layout, terms, encoders)
        candidates, all_candidates = (
            [_path(terms, block.space.name, words, paths) for block in layout.blocks]
            for paths in (measured, served)
        )
        worth = _worths(training_set, layout, measured, candidates)
        paying = {one.name for one in worth if one.gain >= WORTH}
        taken = {candidate.block for candidate in candidates if name in forced or candidate.block in paying}
        kept = [candidate for candidate in candidates if candidate.block in taken]
        fitted.measured += kept
        fitted.served += [candidate for candidate in all_candidates if candidate.block in taken]
        report += [
            {"space": name, "block": one.name, **one.numbers, "taken": one.name in taken} for one in worth
        ]
        numbers = [f"{one.name} {one.present:.3f} with its terms, {one.absent:.3f} without" for one in worth]
        found = "; ".join(numbers) or "no classes to find"
        if kept:
            size = sum(array.nbytes for candidate in kept for array in candidate.state.values()) / 1e6
            into = ", ".join(candidate.block for candidate in kept)
            say(f"{name} enters {into} by its terms ({size:.1f} MB): {found}")
        else:
            training_set.participants.left_out[name] = f"its terms help in no block: {found}"
            say(f"{name} is left out: {training_set.participants.left_out[name]}")
    return report


def _words(training_set: TrainingSet, layout: Layout, terms: Terms, encoders: Encoders) -> dict[str, Array]:
    """The terms' rows by text space, those of shared spaces centred as their texts are."""
    found = {}
    for card in training_set.participants.texts:
        rows = encoders.texts("terms", card, terms.words)
        centre = layout.centres.get(card.space.name, {}).get(Modality.TEXT)
        found[card.name] = rows if centre is None else unit_rows(rows - centre)
    return found


def _path(
    terms: Terms, block: str, words: Mapping[str, Array], paths: Sequence[BoundProjection]
) -> BoundProjection:
    """The path into the block: `words` are the terms' rows by text space, led there by `paths`."""
    vectors = project_inputs([path for path in paths if path.block == block], words)[block]
    state = {TERMS: terms.kept, VECTORS: vectors.astype(np.float16)}
    return BoundProjection(called(terms.card), terms.card.width, block, METHOD, {}, state, SPARSE)


def _worths(
    training_set: TrainingSet,
    layout: Layout,
    paths: Sequence[BoundProjection],
    candidates: Sequence[BoundProjection],
) -> list[Worth]:
    """For each of the `candidates`, captions of things that no fit has seen looked for in its block."""
    found = []
    for candidate in candidates:
        into = [path for path in paths if path.block == candidate.block]
        ranks: list[tuple[Array, Array]] = []
        for one in layout.specs:
            rows = one.member.each.validation
            documents = project_inputs(into, {one.name: one.features[rows]}).get(candidate.block)
            if documents is not None and len(rows) > 1:
                asked = training_set.captions(one.name, CAPTION, rows)
                said = [project_inputs(some, asked)[candidate.block] for some in ([*into, candidate], into)]
                with_it, without = (reciprocal(places(each @ documents.T)) for each in said)
                ranks.append((with_it, without))
        if ranks:
            means = [float(np.concatenate(side).mean()) for side in zip(*ranks, strict=True)]
            found.append(Worth(candidate.block, *means))
    return found
