"""An encoder whose vectors compare with those that an earlier one has stored, without encoding them again.

The encoder stays as it is, and a layer is learned behind it, from contents with labels, a line each of a
JSONL file. `policy` is how: `bt2` changes the basis of a few dimensions of the old space and all of the new
one (BT²; Zhou et al., 2022, arXiv:2211.03989), `oca` leaves further dimensions free (Ricci et al., 2024,
arXiv:2408.08793), `stationary` gives all versions one fixed simplex as their classifier (Biondi et al., 2024,
arXiv:2405.02581). Of that the first version is learned as well: with no `old`.

The result is an encoder of its own, whose card names the earlier spaces that its leading dimensions are in;
a plan of an upgrade then tries it as it is. The report has, on contents that nothing has learned from, the
compatibility matrix of all versions that are there, with AC and AA. No weights come with the server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback.catalog.base_card import NAME
from tieback.catalog.card import EarlierSpace, EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods import compatibility
from tieback.methods.compatibility import GRAPH, compatibilities, needs_classes
from tieback.methods.projection import unit_rows
from tieback.recipes.train.encoded_rows import labelled_rows
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.labelled_contents import LabelledContent, labelled_files, read_labelled
from tieback.training.ranks import average_accuracy, average_compatibility
from tieback.training.splits import HELD_OUT, split_off
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback_lab.methods.compatibility._first_version import first_version
from tieback_lab.recipes.adapt.compatible import COMPATIBLE, adapt, check_adaptable

MAKES = "an encoder that is compatible with an earlier one"

FEWEST_CONTENTS = 64
"""Of fewer, hardly any is left to compare with."""
SAID_EVERY = 50
"""Steps."""


@recipes.method
def compatible(
    run: TrainingRun,
    *,
    space: str = "efficientnet-lite0",
    old: str = "",
    policy: str = "bt2",
    label: str = "",
    name: str = "",
    fit: dict[str, int | float] = {},  # noqa: B006 - a default that nothing changes
    seed: int = 0,
) -> Learned:
    """The encoder of `space` with a layer, by which it is compatible with the space of `old`.

    `label` names the label that is the class, where contents have several. `name` is that of the new space;
    empty for those of `space` and `policy`. `fit` are parameters of the policy, for instance `{extra: 64}`. A
    tenth of the contents is held out.
    """
    from tieback.training.loop import said_every

    card, before = _cards(run, space, old, policy)
    called = _called(name or f"{space}-{policy}", space, old)
    files = labelled_files(run.data)
    given, shown = _of_label(read_labelled(files, texts=card.modality is Modality.TEXT), label)
    rows = _rows(run, card, given)
    once = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    given, rows, shown = [given[place] for place in once], rows[once], shown[once]
    classes = _numbers(shown, len(once))
    parts = split_off(len(given), round(HELD_OUT * len(given)), 0, seed)
    stored = None if before is None else _rows(run, before, given)
    inputs: dict[str, Any] = {
        "rows": rows, "old": [] if stored is None else stored, "classes": classes, "policy": policy,
        "fit": fit, "seed": seed,
    }  # fmt: skip
    checkpoint = run.steps.root / f"compatible-{called}.checkpoint.safetensors"

    def make() -> dict[str, Array]:
        run.say(f"learning {called} from {len(parts.training)} contents")
        before = None if stored is None else stored[parts.training]
        new, shows = rows[parts.training], classes[parts.training]
        progress = said_every(SAID_EVERY, run.say)
        return _layer(policy, before, new, shows, fit, seed=seed, checkpoint=checkpoint, progress=progress)

    method = compatibilities.get(policy)
    state = run.steps.arrays(f"{policy} of {space}", method, inputs, make, beside=(_layer,))
    mapped = method(rows[parts.held_out], state)
    earlier = _earlier(before)
    versions = {
        **{
            one.name: _rows(run, one, given)[parts.held_out]
            for space_of in earlier[:-1]
            for one in run.cards.values()
            if one.space == space_of.ref
        },
        **({} if before is None or stored is None else {before.name: stored[parts.held_out]}),
        called: mapped,
    }
    metrics, report = _measured(versions, rows[parts.held_out], classes[parts.held_out])
    metrics["contents"] = {"training": len(parts.training), "held_out": len(parts.held_out)}
    says = "a first version"
    if before is not None:
        says = f"the first {before.width} dimensions are in the space of {before.name}"
    facts = {
        "name": called, "policy": policy, "reads": card.width, "width": mapped.shape[1], "says": says,
        "compatible": [one.model_dump() for one in earlier],
    }  # fmt: skip
    return Learned(COMPATIBLE, state, (card.space,), files, facts, metrics, report, adapt=adapt)


def _layer(
    policy: str, old: Array | None, new: Array, classes: Array, fit: Mapping[str, Any], **given: Any
) -> dict[str, Array]:
    """The state of a later version, or of a first one where there is no `old`."""
    field = at("parameters", "fit")
    if old is None:
        return dict(first_version(policy, new, classes, fit, field=field, **given))
    return dict(compatibility.fit(policy, old, new, classes, fit, field=field, **given))


def compatibility_matrix(versions: Sequence[Array], classes: Array) -> Array:
    """Recall@1 `[versions, versions]` of unit rows `[n, width]`, oldest first; NaN above the diagonal.

    A later version's leading dimensions are in the space of an earlier one, whose width they have. Each
    content seeks another one of its class; one that is alone in its class does not ask.
    """
    counts = np.bincount(classes)
    asking = np.flatnonzero(counts[classes] > 1)
    found = np.full((len(versions), len(versions)), np.nan)
    for new, queries in enumerate(versions):
        for old, gallery in enumerate(versions[: new + 1]):
            # A query's length changes none of its order, so its leading part need not be made a unit again.
            scores = queries[asking, : gallery.shape[1]] @ gallery.T
            scores[np.arange(len(asking)), asking] = -np.inf
            found[new, old] = np.mean(classes[scores.argmax(axis=1)] == classes[asking])
    return found


def _measured(
    versions: dict[str, Array], native: Array, classes: Array
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What versions find of each other's vectors, the last of them the new one."""
    found = compatibility_matrix(list(versions.values()), classes)
    names = list(versions)
    as_it_is = float(compatibility_matrix([native], classes)[0, 0])
    metrics = {
        "versions": names,
        "recall_at_1": [
            [round(float(value), 4) for value in row[: place + 1]] for place, row in enumerate(found)
        ],
        "average_compatibility": average_compatibility(found),
        "average_accuracy": round(average_accuracy(found), 4),
        "without_the_layer": round(as_it_is, 4),
    }
    title = f"Recall@1 of {len(classes)} held-out contents: queries of a row, stored vectors of a column"
    report = {
        title: [
            {
                "queries": name,
                **{
                    old: float(found[place, column]) if column <= place else ""
                    for column, old in enumerate(names)
                },
            }
            for place, name in enumerate(names)
        ],
        "Compatibility": [
            {
                "AC": "" if len(names) == 1 else metrics["average_compatibility"],
                "AA": metrics["average_accuracy"],
                "the encoder without the layer": as_it_is,
            }
        ],
    }
    return metrics, report


def _cards(run: TrainingRun, space: str, old: str, policy: str) -> tuple[EncoderCard, EncoderCard | None]:
    """The encoder that is to be compatible, and the one before it; none for a first version."""
    compatibilities.form(GRAPH, policy)
    for key in (space, old):
        if key and key not in run.cards:
            raise NotFound("space", key, run.cards)
    card = run.cards[space]
    check_adaptable(card, field=at("parameters", "space"))
    if not old:
        if not needs_classes(policy):
            raise InvalidInput(
                f"{policy} learns towards an earlier space; name it", field=at("parameters", "old")
            )
        return card, None
    before = run.cards[old]
    if before.modality is not card.modality or VectorKind.DENSE not in before.kinds:
        raise InvalidInput(
            f"{space} reads {card.modality}; {old} reads {before.modality} and gives "
            f"{', '.join(sorted(before.kinds))}",
            field=at("parameters", "old"),
        )
    return card, before


def _called(name: str, space: str, old: str) -> str:
    """The name of the new space. InvalidInput where it is none, or that of another."""
    if not re.fullmatch(NAME, name):
        raise InvalidInput(
            f"a name is of small letters, digits, '.' and '-', not {name!r}", field=at("parameters", "name")
        )
    if name in (space, old):
        raise InvalidInput(f"{name!r} is another space; name the new one", field=at("parameters", "name"))
    return name


def _of_label(given: Sequence[LabelledContent], label: str) -> tuple[list[LabelledContent], Array]:
    """The contents that have the label, and which one they have. InvalidInput where it is unclear which."""
    names = sorted({name for one in given for name in one.labels})
    if label and label not in names:
        raise NotFound("label", label, names)
    if not label and len(names) != 1:
        raise InvalidInput(
            f"say which label is the class; contents have: {', '.join(names) or 'none'}",
            field=at("parameters", "label"),
        )
    chosen = label or names[0]
    kept = [one for one in given if chosen in one.labels]
    return kept, np.array([one.labels[chosen] for one in kept])


def _numbers(shown: Array, count: int) -> Array:
    """The labels as numbers. InvalidInput where there is too little to learn from."""
    if count < FEWEST_CONTENTS:
        raise InvalidInput(
            f"there are {count} different contents with that label, and it takes {FEWEST_CONTENTS}",
            field="data",
        )
    called, numbers = np.unique(shown, return_inverse=True)
    if len(called) < 2:
        raise InvalidInput("all contents have the same label", field="data")
    return np.asarray(numbers, np.int64)


def _rows(run: TrainingRun, card: EncoderCard, given: Sequence[LabelledContent]) -> Array:
    """Unit rows `[contents, width]`."""
    return unit_rows(labelled_rows(run, card, given, regions=False)[0][:, 0])


def _earlier(before: EncoderCard | None) -> list[EarlierSpace]:
    """The spaces that the new one is compatible with, the oldest first."""
    if before is None:
        return []
    space = before.space
    own = EarlierSpace(
        name=space.name, revision=space.revision, fingerprint=space.fingerprint, width=before.width
    )
    return [*before.compatible, own]
