"""Paths of an encoder that pairs bind: what they are fitted on, and which of them is served.

A cloud's path into a text space is fitted to texts alone, and to texts and views of the cloud together (JM3D,
arXiv:2308.02982, `methods/projection/joint_views`): the views enter the text space by the binding's own paths
from the space of pictures. What tells things apart best that no fit has seen is served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.projection import fit, projections, unit_rows
from tieback.methods.projection.subspace import principal
from tieback.models.bound_space import Block, BoundPath
from tieback.recipes.binding.anchors import CAPTION
from tieback.recipes.binding.entering import enter, project, score, similarities
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.paired import Paired
from tieback.recipes.binding.project import (
    ATTENTION,
    ENSEMBLE,
    JOINTLY,
    SUBSPACE,
    WORTH,
    Anchored,
    PathFitter,
    Reduced,
    least,
)
from tieback.recipes.binding.ranking import places, reciprocal
from tieback.recipes.binding.tasks import Joint

SHARPNESSES = (5.0, 8.0, 12.0, 15.0, 20.0)
FOLDS = 5

WIDTH = 256
"""The most dimensions of a block that pairs made, where no option says another."""
TEXT_ALONE, WITH_VIEWS = "texts alone", "texts and views"

Ways = tuple[tuple[str, dict[str, Any]], ...]
"""Methods with their parameters that a path is served with, averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What a path is served with, whether views take part, and what each way was worth on what chose."""

    methods: Ways
    with_views: bool
    told: dict[str, Any]


def paired_block(paired: Paired, width: int) -> Reduced:
    """The member's block of at most `width` dimensions: those in which its inputs reach farthest apart."""
    centre = paired.features.mean(axis=0)
    spread = unit_rows(paired.features - centre)
    state = principal(spread, min(width, paired.card.width, max(1, len(spread) - 1)), centre)
    block = Block(paired.card.space, paired.card.modality, state["basis"].shape[1])
    native = BoundPath(paired.card.space, paired.card.width, paired.card.name, SUBSPACE, {}, state)
    return Reduced(paired, block, native, project(native, paired.features), paired.features)


def paired_anchors(
    material: Material, block: Reduced, text: EncoderCard, into_text: bool, rows: Array, user_rows: Array,
    paths: Sequence[BoundPath],
) -> Anchored:  # fmt: skip
    """The anchors between a text space and a member, either way: `rows` of its own, and the user's pairs.

    `paths` lead pictures into the text space. A text has one anchor into the member's block, the mean of its
    inputs; an input has one into the text space.
    """
    paired = _of(block)
    name = paired.card.name
    mean = material.class_texts(name, text.name)
    texts, inputs, things = mean[rows], block.features[rows], paired.things[rows]
    seen = _seen(paired.views, rows, text.space.name, paths)
    if paired.shipped and len(user_rows):
        user = material.user.rows(paired.card.modality)[user_rows]
        texts = np.concatenate([texts, material.user.texts[text.name][user]])
        inputs = np.concatenate([inputs, material.user.others[name][user_rows]])
        things = np.concatenate([things, len(paired.names) + np.arange(len(user))])
        own = _seen(paired.user_views, user_rows, text.space.name, paths)
        seen = np.concatenate([seen, own]) if seen is not None and own is not None else None
    chosen_by = paired.split.validation
    facing = (
        f"{name} -> {text.name}" if into_text else f"{text.name} -> {name}",
        paired.card if into_text else text,
        text.space.name if into_text else name,
    )
    if into_text:
        kept = _kept(inputs, texts)
        pairs = (inputs[kept], texts[kept])
        views = None if seen is None else seen[kept]
        validation = (block.features[chosen_by], mean[chosen_by])
        none = (inputs[:0], texts[:0])
        return Anchored(
            *facing, pairs, pairs, none, validation, made_up=False, groups=things[kept], views=views
        )
    targets = project(block.native, inputs)
    known, first, of = np.unique(things, return_index=True, return_inverse=True)
    means = unit_rows(np.stack([targets[of == n].mean(axis=0) for n in range(len(known))]))
    spoken = material.names[name][text.name]
    own_things = known < len(paired.names)  # the user's pairs have no templates
    captions = [one[rows[first[own_things]]] for one in spoken] + [texts[first[~own_things]]]
    copies = [np.flatnonzero(own_things)] * len(spoken) + [np.flatnonzero(~own_things)]
    said, meant = np.concatenate(captions), means[np.concatenate(copies)]
    one, every = _kept(texts[first], means), _kept(said, meant)
    validation = (mean[chosen_by], block.targets[chosen_by])
    none = (texts[:0], means[:0])
    return Anchored(
        *facing, (texts[first][one], means[one]), (said[every], meant[every]), none, validation,
        made_up=False, groups=known[one],
    )  # fmt: skip


def choose(fitter: PathFitter, anchors: Anchored, held_out: tuple[Array, Array]) -> Chosen:
    """What serves the path best on what no fit has seen; a forced method is taken as it is.

    What is told holds the mean reciprocal rank of each way, there and on `held_out`, which chooses nothing.
    """
    if fitter.method is not None:
        return Chosen(((fitter.method, {}),), fitter.method == JOINTLY and anchors.views is not None, {})
    alone = replace(anchors, views=None)
    attention = (ATTENTION, _parameters(anchors, fitter.seed))
    ways: dict[str, tuple[Ways, Anchored]] = {ATTENTION: ((attention,), alone)}
    if len(anchors.captions[0]) >= least(ENSEMBLE):
        ways[ENSEMBLE] = (((ENSEMBLE, {}),), alone)
        ways[f"{ATTENTION} and {ENSEMBLE}"] = ((attention, (ENSEMBLE, {})), alone)
    if anchors.views is not None:
        ways[TEXT_ALONE] = (((JOINTLY, {}),), alone)
        ways[WITH_VIEWS] = (((JOINTLY, {}),), anchors)
    if len(anchors.validation[0]) < 2:
        return Chosen((attention,), False, {})
    worth, apart = {}, {}
    for name, (methods, given) in ways.items():
        paths = [fitter.fit(given, *one)[0] for one in methods]
        worth[name] = _worth(paths, *anchors.validation) - WORTH * (len(paths) - 1)
        apart[name] = _worth(paths, *held_out) if len(held_out[0]) > 1 else None
    best = max(worth, key=lambda name: worth[name])
    told = {
        "path": anchors.path,
        "chosen": best,
        "validation": {name: round(value, 4) for name, value in worth.items()},
        "held_out": {name: value if value is None else round(value, 4) for name, value in apart.items()},
    }
    return Chosen(ways[best][0], best == WITH_VIEWS, told)


def held_out(material: Material, block: Reduced, text: EncoderCard, into_text: bool) -> tuple[Array, Array]:
    """Inputs and texts of things that no fit has seen, one facing the other; a text faces their mean."""
    paired = _of(block)
    rows = paired.split.held_out
    texts = material.class_texts(paired.card.name, text.name)
    if into_text:
        return block.features[rows], texts[rows]
    each = paired.once(rows)
    means = [block.targets[rows[paired.things[rows] == paired.things[row]]].mean(axis=0) for row in each]
    return texts[each], unit_rows(np.stack(means)) if means else block.targets[:0]


def told_apart(material: Material, block: Reduced, joint: Joint) -> dict[str, Any]:
    """How often an input's nearest text is its own: of things that no fit has seen, and of others."""
    paired = _of(block)
    found: dict[str, Any] = {"rows": len(paired.names), "things": len(np.unique(paired.things))}
    for what, rows in (("unseen_things", paired.split.held_out), ("new_samples", paired.apart)):
        things = paired.once(rows)
        if len(things) < 2:
            continue
        dense = {paired.card.name: block.features[rows]}
        said = material.captions(paired.card.name, CAPTION, things)
        cosines = similarities(joint.enter(dense), joint.enter(said))
        total = score(cosines, joint.weights(paired.card.modality, dense))
        right = paired.things[things][total.argmax(axis=1)] == paired.things[rows]
        found[what] = {"inputs": len(rows), "texts": len(things), "accuracy": round(float(right.mean()), 4)}
    return found


def neighbours(
    joint: Joint, material: Material, block: Reduced, most: int, shown: int
) -> list[dict[str, Any]]:
    """By name, the held-out inputs nearest to what things are called; before a binding there are none."""
    paired = _of(block)
    rows = np.concatenate([paired.split.held_out, paired.apart])
    if len(rows) < 2:
        return []
    things = paired.once(rows)
    asked = things[:: max(1, len(things) // most)][:most]
    dense = material.captions(paired.card.name, CAPTION, asked)
    cosines = similarities(joint.enter(dense), joint.enter({paired.card.name: block.features[rows]}))
    total = score(cosines, joint.weights(Modality.TEXT, dense))
    return [
        {
            "query": paired.names[row],
            "before": [],
            "after": [paired.names[rows[place]] for place in np.argsort(-scores, kind="stable")[:shown]],
        }
        for row, scores in zip(asked, total, strict=True)
    ]


def _of(block: Reduced) -> Paired:
    if not isinstance(block.classifier, Paired):
        raise TypeError(f"{block.classifier.card.name} has classes")
    return block.classifier


def _seen(views: Mapping[str, Array], rows: Array, text: str, paths: Sequence[BoundPath]) -> Array | None:
    """The views `[rows, views, text width]` in the text block, by the paths from the spaces of pictures."""
    leading = [path for path in paths if path.source.name in views and path.block == text]
    if not leading or not views:
        return None
    dense = {name: one[rows].reshape(-1, one.shape[2]) for name, one in views.items()}
    flat = enter(leading, dense)[text]
    return flat.reshape(len(rows), -1, flat.shape[1])


def _kept(source: Array, target: Array) -> Array:
    """Places of the pairs of which both sides speak, each pair once."""
    both = np.concatenate([source, target], axis=1)
    first = np.sort(np.unique(both, axis=0, return_index=True)[1])
    return np.asarray(first[source[first].any(axis=1) & target[first].any(axis=1)])


def _parameters(anchors: Anchored, seed: int) -> dict[str, Any]:
    """The sharpness of attention at which things that are left out are told apart best, by folds."""
    source, target = anchors.names
    things = np.unique(np.asarray(anchors.groups), return_inverse=True)[1]
    count = int(things.max()) + 1 if len(things) else 0
    if count < 2 * FOLDS:
        return {}
    fold = (np.random.default_rng(seed).permutation(count) % FOLDS)[things]
    attend = projections.get(ATTENTION)
    values = np.zeros(len(SHARPNESSES))
    for left_out in range(FOLDS):
        inside, outside = fold != left_out, fold == left_out
        state = fit(ATTENTION, source[inside], target[inside])
        for place, sharpness in enumerate(SHARPNESSES):
            said = attend(source[outside], state, sharpness=sharpness)  # type: ignore[call-arg]  # its own
            values[place] += _rank(said, target[outside])
    return {"sharpness": SHARPNESSES[int(values.argmax())]}


def _worth(paths: Sequence[BoundPath], source: Array, target: Array) -> float:
    return _rank(enter(paths, {paths[0].source.name: source})[paths[0].block], target)


def _rank(said: Array, target: Array) -> float:
    """The mean reciprocal rank of the right target among those that differ."""
    targets, right = np.unique(target, axis=0, return_inverse=True)
    return float(reciprocal(places(said @ targets.T, right.ravel())).mean())
