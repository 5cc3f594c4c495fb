"""The first of several versions that are trained to be compatible: no stored vectors are there yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieback.core.state import State, check_state
from tieback.methods.compatibility import FIRST, check_count, compatibilities, numbered
from tieback.methods.projection import Progress, check_anchors
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT, FieldPath


def first_version(
    name: str,
    new: Array,
    classes: Array,
    parameters: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Progress = lambda _share, _doing: None,
    field: FieldPath | str = ROOT,
) -> State:
    """The state of a first version, learned from contents `new` `[n, d]` of `classes` `[n]`.

    NotFound, with those that have one, for a method without a first version; InvalidInput as `fit`.
    """
    learned = compatibilities.form(FIRST, name, parameters, field=field)
    rows, _ = check_anchors(new, new)
    check_count(name, len(rows), rows.shape[1], rows.shape[1])
    classes = numbered(classes, len(rows))
    state = learned(rows, classes, seed=seed, checkpoint=checkpoint, progress=progress)
    check_state(state, compatibilities.state(name), new=rows.shape[1])
    return state
