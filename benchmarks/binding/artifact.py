"""The binding that is measured, made where there is none, and the same without one objective."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.models.bound_space import HEADER, BoundSpace
from tieback.models.store import Store
from tieback.recipes.binding.bind import Options, bind
from tieback.recipes.binding_report.artifact import folder_of

from benchmarks.corpus import LIBRARY

Say = Callable[[str], None]
SWITCH = "decoupling"


def newest(cards: Sequence[EncoderCard], store: Store, say: Say) -> BoundSpace:
    """The newest of the store; made with the recipe's own choices where there is none."""
    root = store.bound
    if any(root.glob(f"*/{HEADER}")):
        return BoundSpace.load(folder_of(None, root))
    say("there is no binding in the store: binding")
    return bind(cards, store, Options(data=_shipped(store)), say).bound


def without_decoupling(
    bound: BoundSpace, cards: Sequence[EncoderCard], store: Store, say: Say
) -> BoundSpace | None:
    """The binding made again from what is shipped, with the same choices and without the objective.

    None where the recipe cannot leave it out. What the objective does not touch is found in the recipe's work
    folder, if it is still there.
    """
    known = {field.name for field in dataclasses.fields(Options)}
    if SWITCH not in known:
        return None
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in bound.provenance.get("options", {}).items()
        if name in known
    }
    bound_before = [card for card in cards if card.space.name in bound.spaces]
    again = [card.model_copy(update={"optional": False}) for card in bound_before]  # named, or by the setting
    say("binding again without the decoupling objective")
    with tempfile.TemporaryDirectory() as folder:
        return bind(
            again, store, Options(**(chosen | {"data": _shipped(store), SWITCH: 0.0})), say, out=Path(folder)
        ).bound


def _shipped(store: Store) -> tuple[Path, ...]:
    """What `tieback bind` binds from where no data are named: the project's library and the store's media."""
    media = [store.media(card) for card in Catalog.load().media() if store.is_ready(card)]
    return (LIBRARY.parent, *media)
