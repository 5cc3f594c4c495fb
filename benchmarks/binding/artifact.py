"""The binding that is measured, made where there is none, and made again with other choices."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


def of_other_seeds(
    bound: JointSpaceArtifact, cards: Sequence[EncoderCard], store: Store, say: Say, count: int
) -> list[JointSpaceArtifact]:
    """The binding made again with the `count` seeds that follow its own."""
    own = int(bound.provenance.get("options", {}).get("seed", 0))
    found = []
    for seed in range(own + 1, own + 1 + count):
        say(f"binding again with the seed {seed}")
        found.append(_again(bound, cards, store, say, {"seed": seed}))
    return found


def with_anchors(
    bound: JointSpaceArtifact, cards: Sequence[EncoderCard], store: Store, say: Say, anchors: Path
) -> JointSpaceArtifact:
    """The binding made again with a list of anchors."""
    say("binding again with anchors")
    return _again(bound, cards, store, say, {"anchors": anchors})


def _again(
    bound: JointSpaceArtifact, cards: Sequence[EncoderCard], store: Store, say: Say, changes: dict[str, Any]
) -> JointSpaceArtifact:
    """Made from what is shipped with the choices of `bound` but for the changes, into a passing folder.

    What the changes do not touch is found in the recipe's work folder, if it is still there.
    """
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in bound.provenance.get("options", {}).items()
        if name in _known()
    }
    spaces = chosen.get("spaces", ())
    again = [  # what was bound is bound, though it was the settings that named what is optional
        card.model_copy(update={"optional": False})
        for card in cards
        if card.name in spaces or bound.takes(card.space.name, card.modality)
    ]
    options = BindingOptions(**(chosen | {"data": shipped(store)} | changes))
    with tempfile.TemporaryDirectory() as folder:
        return bind(again, store, options, say, out=Path(folder)).bound


def _known() -> set[str]:
    return {field.name for field in dataclasses.fields(BindingOptions)}


def shipped(store: Store) -> tuple[Path, ...]:
    """What `tieback bind` binds from where no data are named: the project's library and the store's media."""
    media = [store.media(card) for card in Catalog.load().media() if store.is_ready(card)]
    return (LIBRARY.parent, *media)
