"""Names of what each part shows, merged in WordNet, and the vector of the names (ImgAny). Not trained.

Lyu et al., 2024 (arXiv:2401.17664). Of each part the names nearest to it are kept: the entities among them,
and the attributes. Entities of all parts are merged in WordNet, where a "cat" that is heard supports the
"tabby" that is seen, and special names count more than general ones. The vector is the mean of the vectors of
names in a text space, entities and attributes each by how much of the parts they explain, so a part that is
like nothing counts little.

The names of a part are those that its encoder has: a classifier's classes, with the rows of its last layer in
place of the paper's one space of all encoders, or the entities as a text encoder reads them. Entities are
names in the tree, attributes the others, such as "Meow". The paper's vector goes on to a generator of
pictures; here it is compared with others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.fusion import Goal, Rows, There, fusions
from tieback_lab.methods.fusion._learning import Known, in_torch, last, served
from tieback_lab.methods.fusion._tokens import mean, unit

STATE = {
    "ends": ("parts",),
    "pool": ("parts", "pool", "inner"),
    "between": ("links", "inner", "inner"),
    "decode": ("width", "classes"),
    "sharpness": ("one",),
    "anchors": ("inputs", "names"),
    "of_part": ("parts", "names"),
    "entity": ("names",),
    "called": ("names", "width"),
    "entities": ("entities", "width"),
    "near": ("entities", "entities"),
    "told": ("entities",),
}
TOP = 5
"""Names that are kept of a part."""
SHARPNESS = 15.0
"""Of the softmax over cosines with names, as `anchor_attention` has it."""
SMALLEST = 1e-9


class _Read(NamedTuple):
    """Scores `attributes` `[n, names]`, `own` `[n, parts, entities]` and, of all parts, `merged`."""

    attributes: Any
    own: Any
    merged: Any


@fusions.method
def imgany(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """normalise(a · entities + (1 − a) · attributes), with the share a of entities in what is kept."""
    return served(states, rows, there, condition, state)


def fit(
    rows: Rows,
    there: There,  # noqa: ARG001 - names are read alike, whatever is missing
    condition: Array | None,  # noqa: ARG001 - it takes none
    goal: Goal,
) -> State:
    """The table of the names that the parts' encoders have. InvalidInput where the goal has none."""
    names = goal.names
    if names is None:
        raise InvalidInput("imgany needs the names that the encoders of its parts have", field="names")
    parts, widths = len(rows), [one.shape[-1] for one in rows]
    counts = [len(one) for one in names.anchors]
    anchors = np.zeros((sum(widths), sum(counts)), np.float32)
    of_part = np.zeros((parts, sum(counts)), np.float32)
    for place, own in enumerate(names.anchors):
        columns = slice(sum(counts[:place]), sum(counts[: place + 1]))
        anchors[sum(widths[:place]) : sum(widths[: place + 1]), columns] = own.T
        of_part[place, columns] = 1
    labels = names.labels if goal.classes else names.labels[:0]
    return {
        "ends": np.cumsum(widths).astype(np.int64),
        "pool": np.zeros((parts, 0, 0), np.float32),
        "between": np.zeros((0, 0, 0), np.float32),
        "decode": np.ascontiguousarray(labels.T, np.float32),
        "sharpness": np.full(1, np.log(SHARPNESS), np.float32),
        "anchors": anchors,
        "of_part": of_part,
        "entity": np.concatenate(names.entity).astype(np.int64),
        "called": np.concatenate(names.called).astype(np.float32),
        "entities": names.entities.astype(np.float32),
        "near": names.near.astype(np.float32),
        "told": names.told.astype(np.float32),
    }


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
    """The one state."""
    read = _read(xp, rows, there, state)
    share = read.own.sum(-1).sum(-1)[:, None]
    rest = read.attributes.sum(-1)[:, None]
    entities, attributes = unit(read.merged @ state["entities"]), unit(read.attributes @ state["called"])
    return last(share * entities + rest * attributes, there)


def tags(rows: Rows, there: There, state: State) -> Array:
    """Scores `[things, parts, entities + names]` of what each part adds to the tags of things.

    The entities' sum to 1 over the parts, if there are any. Of the names, attributes alone have scores.
    """
    read = _read(np, [one.astype(np.float32, copy=False) for one in rows], there, state)
    shares = read.own / np.maximum(read.own.sum(axis=1, keepdims=True), SMALLEST)
    attributes = read.attributes[:, None] * state["of_part"]
    return np.asarray(np.concatenate([shares * read.merged[:, None], attributes], 2), np.float32)


def _read(xp: Any, rows: Any, there: Any, state: Any) -> _Read:
    each = [unit(mean(xp, one, mask)) for one, mask in zip(rows, there, strict=True)]
    has = _real(xp, xp.stack([mask.any(1) for mask in there], 1))
    alike = xp.exp(SHARPNESS * (xp.concatenate(each, 1) @ state["anchors"]))
    kept = alike * 0
    for own in state["of_part"]:
        mine = alike * own
        least = _largest(xp, mine)[:, None]
        kept = kept + mine * (mine >= least) / mine.sum(-1)[:, None]
    kept = kept * (has @ state["of_part"])
    numbers = xp.arange(state["near"].shape[0])
    is_entity = _real(xp, state["entity"][:, None] == numbers)
    own = (kept[:, None] * state["of_part"]) @ is_entity
    named = own.sum(1)
    supported = named * state["told"] * (named @ state["near"])
    merged = supported / (supported.sum(-1)[:, None] + SMALLEST)
    return _Read(kept * _real(xp, state["entity"] < 0), own, merged)


def _largest(xp: Any, scores: Any) -> Any:
    """The least of the `TOP` largest `[n]`."""
    count = min(TOP, scores.shape[1])
    return np.sort(scores, axis=1)[:, -count] if xp is np else scores.topk(count).values[:, -1]


def _real(xp: Any, values: Any) -> Any:
    return values.astype(np.float32) if xp is np else values.float()


graph = in_torch(states)
