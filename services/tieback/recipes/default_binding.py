"""The binding that is served where a deployment names none: of the default catalog."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from tieback_client.installing import how_to_install

from tieback.catalog.card import EncoderCard
from tieback.catalog.source import Sourced
from tieback.core.errors import ArtifactError, StartupError
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.store import DefaultBinding, Store
from tieback.recipes.export import missing_package

_LIBRARIES = (Path(__file__).parents[1] / "library", Path(__file__).parents[3] / "examples" / "library")
"""Where the texts are that the project ships: in an installed package, and in a checkout."""

VERSION = 9
"""Hashed into what a default binding was made from: change it whenever the recipe would make a better one."""

TEXTS = 900
"""Sentences that are learned from."""


def library() -> Path:
    """The folder of the texts that the project ships. They are the same wherever a command is run.

    StartupError where they are not there.
    """
    for folder in _LIBRARIES:
        if folder.is_dir():
            return folder
    raise StartupError("the texts that a binding learns from are missing: install tieback again")


def bind_default(
    cards: Iterable[EncoderCard],
    media: Iterable[Sourced],
    folders: Sequence[Path],
    store: Store,
    say: Callable[[str], None],
) -> str | None:
    """Binds the cards that are served by default, and returns the revision; nothing where it is done already.

    It learns from what is in `folders` and from the `media`. None where a card of a model or of media is not
    ready yet, or PyTorch is not there to learn with: then pictures and sounds enter by their classes' names.
    """
    served = [card for card in cards if card.unbound_joint is not None and not card.optional]
    learned_from = list(media)
    # A binding without the media would be another one, and make collections stale when they come.
    if not served or not all(store.is_ready(card) for card in (*served, *learned_from)):
        return None
    known = DefaultBinding.read(store.bound)
    made_from = _made_from(served, learned_from, folders)
    if known is not None and known.made_from == made_from and _is_whole(store.bound / known.revision):
        return known.revision
    if missing := missing_package():
        say(f"the spaces are not bound, which needs {missing}: {how_to_install('train')}")
        return None
    from tieback.recipes.binding import BindingOptions, bind

    data = (*folders, *(store.media(card) for card in learned_from))
    try:
        outcome = bind(served, store, BindingOptions(data=data, texts=TEXTS), say)
    except StartupError as error:
        say(f"the spaces are not bound: {error.message}")
        return None
    DefaultBinding(outcome.bound.revision, made_from).write(store.bound)
    if known is not None and not _is_whole(store.bound / known.revision):
        # No user made it, and nothing reads it.
        shutil.rmtree(store.bound / known.revision, ignore_errors=True)
    return outcome.bound.revision


def _is_whole(folder: Path) -> bool:
    try:
        JointSpaceArtifact.load(folder)
    except ArtifactError:
        return False
    return True


def _made_from(cards: Iterable[EncoderCard], media: Iterable[Sourced], folders: Iterable[Path]) -> str:
    from tieback.recipes.binding import BindingOptions
    from tieback.training.digests import digest

    spaces = sorted(f"{card.space} {card.space.fingerprint}" for card in cards)
    texts = sorted(
        digest(path.name, path.stat().st_size)
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    )
    return digest(
        VERSION,
        spaces,
        sorted(card.revision for card in media),
        texts,
        asdict(BindingOptions(texts=TEXTS)),
    )
