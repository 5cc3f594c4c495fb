"""The binding that is measured, made where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tieback.artifacts import HEADER, stored
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.store import DefaultBinding, Store
from tieback.recipes.binding import BindingOptions, bind
from tieback.serving.commands.bind_report import folder_of

from benchmarks.corpus import LIBRARY

Say = Callable[[str], None]


def newest(cards: Sequence[EncoderCard], store: Store, say: Say) -> JointSpaceArtifact:
    """The store's default, else its newest; made with the recipe's own choices where there is none."""
    root = store.bound
    default = DefaultBinding.read(root)
    if default is not None and (root / default.revision / HEADER).is_file():
        return JointSpaceArtifact.load(root / default.revision)
    if stored(root):
        return JointSpaceArtifact.load(folder_of(None, root))
    say("there is no binding in the store: binding")
    return bind(cards, store, BindingOptions(data=shipped(store)), say).bound


def shipped(store: Store) -> tuple[Path, ...]:
    """Data of `tieback bind` where no data are named: the project's library and the store's media."""
    media = [store.media(card) for card in Catalog.load().media() if store.is_ready(card)]
    return (LIBRARY.parent, *media)
