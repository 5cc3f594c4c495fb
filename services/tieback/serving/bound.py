"""Which bindings a server serves: the one that its joint space is, and those whose routers are on trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tieback.core.errors import StartupError
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from tieback.models.bound_space import BoundSpace
    from tieback.router import Rollout


def served_binding(settings: Settings) -> BoundSpace | None:
    """What TIEBACK_BINDING names, None for class names. StartupError says what to do without it."""
    return _load(settings, settings.binding, "TIEBACK_BINDING") if settings.binding else None


def rollout_of(settings: Settings) -> Rollout:
    """The canary and the shadow."""
    from tieback.router import Rollout

    canary, shadow, percent = None, None, 0.0
    if settings.binding_canary:
        name, _, share = settings.binding_canary.rpartition(":")
        canary, percent = _load(settings, name, "TIEBACK_BINDING_CANARY"), float(share)
    if settings.binding_shadow:
        shadow = _load(settings, settings.binding_shadow, "TIEBACK_BINDING_SHADOW")
    return Rollout(canary, percent, shadow)


def _load(settings: Settings, name: str, setting: str) -> BoundSpace:
    """A revision in the store, or a folder."""
    from tieback.models.bound_space import BoundSpace
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
        return BoundSpace.load(folder.absolute())
    except StartupError as error:
        raise StartupError(f"{setting}: {error.message}") from error
