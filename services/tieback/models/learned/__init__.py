"""Kinds of learned artifacts that a server serves: a file here is a kind.

Adding a kind adds a file and touches nothing else. The file is named as the kind is in artifacts. Its
`SERVED` says how one is loaded and what it serves, which is the type of what is loaded: whoever asks for
learned compositions gets those of every kind that makes them.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from tieback.artifacts import HEADER, Kind, stored
from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.core.extensions import entries
from tieback.models.store import Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServedModels:
    """Models that artifacts are for: all `encoders`, that of the `text_space`, the language model."""

    encoders: Sequence[EncoderCard]
    text_space: Sequence[EncoderCard]
    generators: Sequence[GeneratorCard]
    store: Store


@dataclass(frozen=True, slots=True)
class ServedKind(Generic[T]):
    """A kind of artifact that a server serves as `serves`.

    `load` reads a folder; OtherWeights where it was made for other models, StartupError where it cannot be
    served otherwise. `gives` names what one artifact alone may give a server. `shipped` is the folder of the
    one that comes with the package (`shipped_folder`): it serves where none that serves the same is named.
    """

    kind: Kind
    serves: type[T]
    load: Callable[[Path, ServedModels], T]
    gives: Callable[[T], Iterable[str]]
    shipped: str = ""


class Learned(Protocol):
    """Gives the learned artifacts of a server by what they are served as."""

    def __call__(self, serves: type[T]) -> Sequence[T]:
        """Those of this type; StartupError where one does not fit what is served."""
        ...


def nothing_learned(serves: type[T]) -> Sequence[T]:  # noqa: ARG001 - as of `Learned`
    """Gives the artifacts of a server that has none."""
    return ()


def kind_names() -> list[str]:
    """The names of the kinds, sorted, without importing them."""
    return list(entries(__name__))


def served_kind(name: str) -> ServedKind[Any]:
    """The kind of that name, which is one of `kind_names()`."""
    return cast("ServedKind[Any]", importlib.import_module(entries(__name__)[name]).SERVED)


def kind_in(folder: Path) -> str:
    """The name of the kind that a folder says it is of. OSError or ValueError where it does not say."""
    try:
        return str(json.loads((folder / HEADER).read_bytes())["kind"])
    except FileNotFoundError as error:
        raise ValueError(f"it has no {HEADER}" if folder.is_dir() else "no such folder") from error
    except (TypeError, KeyError) as error:
        raise ValueError(f"{HEADER} names no kind") from error


def shipped_folder(name: str) -> Path:
    """The folder of the artifact that comes along in `models/NAME`, or in `PACKAGE/NAME` of an extension."""
    package, _, inside = name.rpartition("/")
    with resources.as_file(resources.files(package or "tieback.models") / inside) as folder:
        return stored(folder)[0]
