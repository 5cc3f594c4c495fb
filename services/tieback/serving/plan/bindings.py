"""The binding of a server's joint space, and the finding of bindings by name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

from tieback.catalog.card import EncoderCard
from tieback.core.errors import ArtifactError, OtherWeights, StartupError
from tieback.models.store import DefaultBinding
from tieback.serving.settings import NO_BINDING, Settings

if TYPE_CHECKING:
    from tieback.models.joint.artifact import JointSpaceArtifact


log = logging.getLogger(__name__)


def served_binding(settings: Settings, served: Sequence[EncoderCard]) -> JointSpaceArtifact | None:
    """What TIEBACK_BINDING names, or the store's default; None for class names.

    StartupError names the way out where the named one is absent or does not fit the `served` cards. A
    default that does not fit is passed over, with a warning: nobody asked for it.
    """
    if settings.binding == NO_BINDING:
        return None
    if settings.binding:
        bound = named_binding(settings, settings.binding, "TIEBACK_BINDING")
        bound.check(*_offered(served))
        return bound
    return _default(settings, served)


def _default(settings: Settings, served: Sequence[EncoderCard]) -> JointSpaceArtifact | None:
    from tieback.models.joint.artifact import JointSpaceArtifact
    from tieback.models.store import Store

    folder = Store(settings.models).bound
    known = DefaultBinding.read(folder)
    joining = [card for card in served if card.unbound_joint]
    if known is None or len(joining) < 2:
        return None
    try:
        bound = JointSpaceArtifact.load(folder / known.revision)
        bound.check(*_offered(served))
        if further := [card.name for card in joining if card.space.name not in bound.spaces]:
            raise StartupError(f"it does not bind {', '.join(further)}")
    except StartupError as error:
        # What cannot be read is made again as it was; what does not fit would not fit again.
        is_unreadable = isinstance(error, ArtifactError) and not isinstance(error, OtherWeights)
        log.warning(
            "the default binding %s %s, so pictures and sounds enter the joint space by their classes' "
            "names: %s. %s; TIEBACK_BINDING=none keeps class names without this warning",
            known.revision,
            "cannot be read" if is_unreadable else "does not fit what is served",
            error.message,
            "`tieback models pull` makes the default binding again"
            if is_unreadable
            else "Bind what is served (tieback bind), and name it by TIEBACK_BINDING",
        )
        return None
    return bound


def _offered(
    served: Sequence[EncoderCard],
) -> tuple[list[SpaceRef], set[tuple[SpaceRef, Modality]]]:
    return [card.space for card in served], {(card.space, card.modality) for card in served}


def kept_binding(settings: Settings, name: str) -> JointSpaceArtifact:
    """The binding of which a component is to be replaced: by its revision or folder, else the served one.

    StartupError where there is none.
    """
    from tieback.models.store import Store

    served = "" if settings.binding == NO_BINDING else settings.binding
    default = DefaultBinding.read(Store(settings.models).bound)
    name = name or served or ("" if default is None else default.revision)
    if not name:
        raise StartupError("there is no default binding; say which to keep: --keep")
    return named_binding(settings, name, "--keep")


def named_binding(settings: Settings, name: str, setting: str) -> JointSpaceArtifact:
    """By a revision in the store, or a folder. StartupError, which names the setting, where there is none."""
    from tieback.models.joint.artifact import JointSpaceArtifact
    from tieback.models.store import Store

    store = Store(settings.models).bound
    folder = store / name
    if not folder.is_dir():
        folder = Path(name).expanduser()
    if not folder.is_dir():
        there = sorted(one.name for one in store.glob("*") if one.is_dir()) if store.is_dir() else []
        choices = f"the store has: {', '.join(there)}" if there else "the store has none: run tieback bind"
        raise StartupError(f"{setting}: there is no binding {name!r}; {choices}")
    try:
        return JointSpaceArtifact.load(folder.absolute())
    except StartupError as error:
        raise StartupError(f"{setting}: {error.message}") from error
