"""What is learned where a component of a binding is replaced: its projections, and its rows of routers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.artifacts.packed_arrays import rounded
from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.joint.projecting import Dense, project_inputs
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import BoundProjection, BoundRouter, JointSpaceArtifact
from tieback.recipes.binding.blocks import BlockSpec
from tieback.recipes.binding.training_set import TrainingSet, sentences
from tieback.recipes.fitting.projections import (
    AFFINE,
    ATTENTION,
    Anchors,
    ProjectionFitter,
    first_of_each,
)
from tieback.training.splits import Split, split

FEWEST = 32
"""Contents that both encoders read; fewer say too little of where one lies in the other's blocks."""
RIDGE = 1e-3
"""Of the router's rows, beside the mean variance of a dimension."""

TRAINING, VALIDATION, HELD_OUT = range(3)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Contents that both encoders read: unit rows `old` and `new` `[n, width]`.

    `part` `[n]` says what each is for. `beside` `[n]` is for which input of `partners` it stands, -1 for
    none: the vectors by space of things of other modalities, or of texts, that the binding has already.
    """

    old: Array
    new: Array
    part: Array
    beside: Array
    partners: tuple[Dense, ...]

    def of(self, *parts: int) -> Examples:
        """Those that are for something."""
        rows = np.flatnonzero(np.isin(self.part, parts))
        return replace(
            self, old=self.old[rows], new=self.new[rows], part=self.part[rows], beside=self.beside[rows]
        )


@dataclass(slots=True, eq=False)
class Replaced:
    """All projections with the old encoder's replaced in their places, and how each was chosen.

    The `measured` ones have not learned from what is held out.
    """

    measured: list[BoundProjection] = field(default_factory=list)
    served: list[BoundProjection] = field(default_factory=list)
    report: list[dict[str, Any]] = field(default_factory=list)


def examples(
    training_set: TrainingSet,
    specs: Sequence[BlockSpec],
    bound: JointSpaceArtifact,
    old: EncoderCard,
    new: EncoderCard,
) -> Examples:
    """All that both have read. StartupError where that is less than FEWEST."""
    gathered = _Gathered(old.name, new.name)
    if old.modality is Modality.TEXT:
        _add_texts(gathered, training_set, specs)
    else:
        _add_inputs(gathered, training_set, bound, old)
    found = gathered.examples()
    if len(found.old) < FEWEST:
        raise StartupError(
            f"{old.name} and {new.name} read {len(found.old)} of the same contents, and it takes {FEWEST} to "
            "learn from; give a folder with more: --data"
        )
    return found


class _Gathered:
    """Rows on their way into examples."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new
        self._rows: list[tuple[Array, Array, Array, Array]] = []
        self._partners: list[Dense] = []
        self._count = 0

    @property
    def names(self) -> tuple[str, str]:
        """Both spaces."""
        return self._old, self._new

    def partner(self, dense: Dense) -> int:
        """Takes in vectors by space that contents may stand for; the number of the first of them."""
        first = self._count
        self._partners.append(dense)
        self._count += len(next(iter(dense.values())))
        return first

    def add(self, dense: Dense, part: Array, beside: Array | None = None) -> None:
        """Takes in contents in both spaces."""
        stands_for = np.full(len(part), -1) if beside is None else beside
        self._rows.append((dense[self._old], dense[self._new], part, stands_for))

    def examples(self) -> Examples:
        """Each pair once, of those that both spaces have a vector of."""
        if not self._rows:
            nothing = np.zeros((0, 1), np.float32)
            return Examples(nothing, nothing, np.zeros(0, int), np.zeros(0, int), ())
        old, new, part, beside = (np.concatenate(side) for side in zip(*self._rows, strict=True))
        old, new = unit_rows(old), unit_rows(new)
        kept = first_of_each(old, new)
        kept = kept[old[kept].any(axis=1) & new[kept].any(axis=1)]
        return Examples(old[kept], new[kept], part[kept], beside[kept], tuple(self._partners))


def _add_texts(gathered: _Gathered, training_set: TrainingSet, specs: Sequence[BlockSpec]) -> None:
    """Captions and scenes of classes, beside what the classifier holds these to look like; and sentences."""
    for spec in specs:
        member = spec.member
        first = gathered.partner({spec.name: spec.features})
        part = _parts(member.split, len(member.names))
        names = training_set.names[spec.name]
        templates = len(next(iter(names.values())))
        gathered.add(
            {text: rows.reshape(-1, rows.shape[-1]) for text, rows in names.items()},
            np.tile(part, templates),
            first + np.tile(member.rows, templates),
        )
        if (scenes := training_set.scenes.get(spec.name)) is not None:
            gathered.add(scenes.texts, part[scenes.classes], first + scenes.classes)
    for rows in (training_set.sentences, training_set.neutral):
        count = len(next(iter(rows.values())))
        if count:
            gathered.add(rows, _parts(sentences(count, training_set.seed), count))


def _add_inputs(
    gathered: _Gathered, training_set: TrainingSet, bound: JointSpaceArtifact, old: EncoderCard
) -> None:
    """Files that both read, and the user's pairs of them, beside their texts."""
    names = gathered.names
    inputs = [training_set.inputs[name] for name in names]
    places = [{file: row for row, file in enumerate(one.files)} for one in inputs]
    both = [file for file in places[0] if file in places[1]]
    if both:
        rows = {
            name: one.dense[[known[file] for file in both]]
            for name, one, known in zip(names, inputs, places, strict=True)
        }
        gathered.add(rows, _parts(split(len(both), training_set.seed), len(both)))
    user = training_set.user
    if len(of_user := user.rows(old.modality)):
        texts = {name: rows[of_user] for name, rows in user.texts.items() if name in bound.spaces}
        first = gathered.partner(texts) if texts else -1
        part = np.full(len(of_user), TRAINING)
        part[user.held_out(old.modality)] = HELD_OUT
        beside = first + np.arange(len(of_user)) if texts else None
        gathered.add({name: user.others[name] for name in names}, part, beside)


def _parts(places: Split, count: int) -> Array:
    part = np.full(count, TRAINING)
    part[places.validation] = VALIDATION
    part[places.held_out] = HELD_OUT
    return part


def fitted(
    bound: JointSpaceArtifact,
    seen: Examples,
    old: EncoderCard,
    new: EncoderCard,
    fitter: ProjectionFitter,
    say: Callable[[str], None],
) -> Replaced:
    """The projections of the new encoder into every block that the old one was projected into."""
    found = Replaced()
    blocks: set[str] = set()
    for one in bound.projections:
        if one.source.name != old.name:
            found.measured.append(one)
            found.served.append(one)
        elif one.block not in blocks:
            blocks.add(one.block)
            say(f"projecting {new.name} into the block of {one.block}")
            _add_into(found, bound, seen, old, new, one.block, fitter)
    return found


def _add_into(
    found: Replaced,
    bound: JointSpaceArtifact,
    seen: Examples,
    old: EncoderCard,
    new: EncoderCard,
    block: str,
    fitter: ProjectionFitter,
) -> None:
    """Adds that into a block, towards what the old encoder's projections make of the same contents.

    Texts enter a block of another modality by attention to the frozen vectors there, as where all is bound,
    if there are enough; else the projection is an affine map.
    """
    before = [one for one in bound.projections if one.source.name == old.name and one.block == block]
    target = project_inputs(before, {old.name: seen.old})[block]
    others = [one for one in bound.projections if one.source.name != old.name and one.block == block]
    frozen = _frozen(seen, others, block, target.shape[1])
    is_foreign = any(one.space.name == block and one.modality is not new.modality for one in bound.blocks)
    learned_from = int(np.count_nonzero(frozen.any(axis=1) & (seen.part == TRAINING)))
    is_named = is_foreign and new.modality is Modality.TEXT and learned_from >= FEWEST
    is_named = is_named and not fitter.is_forced
    for into, parts in (
        (found.measured, (TRAINING, VALIDATION)),
        (found.served, (TRAINING, VALIDATION, HELD_OUT)),
    ):
        pairs = _named(seen, frozen, parts) if is_named else _alike(seen, target, parts)
        none = (pairs[0][:0], pairs[1][:0])
        choices = (ATTENTION,) if is_named else (AFFINE,)
        anchors = Anchors(f"{new.name} -> {block}", new, block, pairs, pairs, none, none, False, choices)
        projection, report = fitter.fit(anchors, *fitter.choose(anchors))
        into.append(projection)
    found.report.append(report)


def _alike(seen: Examples, target: Array, parts: Sequence[int]) -> tuple[Array, Array]:
    """Contents of these parts, and what the old encoder's projections make of them; each pair once."""
    rows = np.flatnonzero(target.any(axis=1) & np.isin(seen.part, parts))
    rows = rows[first_of_each(seen.new[rows], target[rows])]
    return seen.new[rows], target[rows]


def _named(seen: Examples, frozen: Array, parts: Sequence[int]) -> tuple[Array, Array]:
    """One anchor for each thing: the mean of the texts about it, and its frozen vector in the block."""
    rows = np.flatnonzero(frozen.any(axis=1) & np.isin(seen.part, parts))
    things, first, of = np.unique(seen.beside[rows], return_index=True, return_inverse=True)
    sums = np.zeros((len(things), seen.new.shape[1]), np.float32)
    np.add.at(sums, of, seen.new[rows])
    return unit_rows(sums), frozen[rows[first]]


def _frozen(seen: Examples, others: Sequence[BoundProjection], block: str, width: int) -> Array:
    """The frozen vectors `[n, width]` in the block of what the contents stand for; zeros for none."""
    partners = [
        project_inputs(others, dense).get(block, np.zeros((len(next(iter(dense.values()))), width)))
        for dense in seen.partners
    ]
    every = np.concatenate([*partners, np.zeros((1, width))]).astype(np.float32)  # the last one is for none
    return np.asarray(every[seen.beside])


def rerouted(
    router: BoundRouter, bound: JointSpaceArtifact, seen: Examples, old: EncoderCard, new: EncoderCard
) -> BoundRouter:
    """The router, reading the new encoder where it read the old one; the same one where it did not.

    The new rows of the first layer give what the old ones gave for the same contents, by ridge regression;
    all other weights stay.
    """
    if old.name not in router.inputs:
        return router
    widths: Mapping[str, int] = {one.source.name: one.source_width for one in bound.projections}
    place = router.inputs.index(old.name)
    begin = sum(widths[name] for name in router.inputs[:place])
    inputs = tuple(new.name if name == old.name else name for name in router.inputs)
    if not router.state:
        return replace(router, inputs=inputs)
    first = np.asarray(router.state["first"], np.float64)
    end = begin + widths[old.name]
    rows = seen.new.astype(np.float64)
    gram = rows.T @ rows
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    own = np.linalg.solve(gram, rows.T @ (seen.old @ first[begin:end]))
    state = dict(router.state) | {
        "first": np.concatenate([first[:begin], own, first[end:]]).astype(np.float32)
    }
    return replace(router, inputs=inputs, state=rounded(state))
