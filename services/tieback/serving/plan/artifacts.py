"""The learned artifacts that a server serves: those of TIEBACK_ARTIFACTS, else those of the package."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tieback.core.errors import ArtifactError, OtherWeights, StartupError
from tieback.core.extensions import where_more
from tieback.models import learned
from tieback.models.learned import (
    ServedKind,
    ServedModels,
    kind_in,
    kind_names,
    served_kind,
    shipped_folder,
)

SETTING = "TIEBACK_ARTIFACTS"
T = TypeVar("T")

log = logging.getLogger(__name__)


class ServedArtifacts:
    """The artifacts in `folders`, each loaded when what it serves is first asked for.

    StartupError where a folder holds no artifact, or one of a kind that no server serves.
    """

    def __init__(self, folders: Sequence[str], models: ServedModels) -> None:
        self._models = models
        self._given = [(folder, _kind_of(folder)) for folder in (Path(one).expanduser() for one in folders)]
        self._loaded: dict[Path, Any] = {}
        self.asked: set[type[Any]] = set()
        """The types, as which artifacts are served, that were asked for."""

    def anew(self) -> ServedArtifacts:
        """The same ones, of which nothing was asked yet."""
        made = copy.copy(self)
        made.asked = set()
        return made

    def trying(self, name: str) -> tuple[ServedArtifacts, type[Any]]:
        """These, but of those that give the same the one in that folder; and what it is served as."""
        folder = Path(name).expanduser()
        kind = _kind_of(folder)
        gives = set(kind.gives(self._load(folder, kind)))
        made = self.anew()
        made._given = [
            (other, its)
            for other, its in self._given
            if its.serves is not kind.serves or gives.isdisjoint(its.gives(self._load(other, its)))
        ] + [(folder, kind)]
        return made, kind.serves

    def all(self, serves: type[T]) -> tuple[T, ...]:
        """Those that are served as this: the given ones, or where there is none, those of the package.

        StartupError where one does not fit what is served, or gives what another one gives too.
        """
        self.asked.add(serves)
        given = [(folder, kind) for folder, kind in self._given if issubclass(kind.serves, serves)]
        if not given:
            kinds = map(served_kind, kind_names())
            return self._shipped(kind for kind in kinds if issubclass(kind.serves, serves) and kind.shipped)
        found: list[T] = []
        giving: dict[str, Path] = {}
        for folder, kind in given:
            try:
                one = self._load(folder, kind)
            except StartupError as error:
                raise StartupError(f"{SETTING}: {error.message}") from error
            for name in kind.gives(one):
                if name in giving:
                    raise StartupError(
                        f"{SETTING}: {giving[name]} and {folder} both give {name}; name one of them"
                    )
                giving[name] = folder
            found.append(one)
        return tuple(found)

    def load_further(self) -> None:
        """Load the given ones of kinds that extensions bring: one that does not fit stops the start."""
        for serves in {
            kind.serves for _, kind in self._given if not kind.serves.__module__.startswith("tieback.")
        }:
            self.all(serves)

    def _shipped(self, kinds: Iterable[ServedKind[T]]) -> tuple[T, ...]:
        found = []
        for kind in kinds:
            try:
                found.append(self._load(shipped_folder(kind.shipped), kind))
            except OtherWeights:
                pass  # it was learned for another text space than is served
            except ArtifactError:
                raise
            except StartupError as error:
                # A machine that has the exported graphs alone judges and checks without it.
                log.warning("%s: done without the one that ships: %s", kind.kind.called, error)
        return tuple(found)

    def _load(self, folder: Path, kind: ServedKind[T]) -> T:
        if folder not in self._loaded:
            self._loaded[folder] = kind.load(folder.absolute(), self._models)
        loaded: T = self._loaded[folder]
        return loaded


def _kind_of(folder: Path) -> ServedKind[Any]:
    try:
        name = kind_in(folder)
    except (OSError, ValueError) as error:
        raise StartupError(
            f"{SETTING}: there is no artifact at {folder}: {getattr(error, 'strerror', None) or error}; "
            "name the folder that `tieback train` wrote"
        ) from error
    if name not in kind_names():
        if more := where_more(learned.__name__, name):
            raise StartupError(f"{SETTING}: {folder} is of the kind {name!r}, and {more}")
        raise StartupError(
            f"{SETTING}: {folder} is of the kind {name!r}, and a server serves {', '.join(kind_names())}. "
            "Models are served by their cards (TIEBACK_CARDS), bindings by TIEBACK_BINDING"
        )
    return served_kind(name)
