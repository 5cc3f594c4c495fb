"""Which source a file or folder belongs to, and what the source is called.

A source is a folder that a collection has recorded. The id of an item is the source's name, "/", and the path
of its file in the source, so that items of two sources never share an id. A path belongs to the deepest
recorded source around it. Outside of all sources a folder becomes a source itself, and a file makes its
folder one.
"""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tieback_contract.collections import Source

from tieback_client.errors import InvalidArgument

NAME_BYTES = 120
NUMBERED = 50  # names with a number that are tried, each with a look at the collection
_UNNAMED = "root"  # the name of "/"


Stamp: TypeAlias = tuple[int, int, int]
"""Time at which a file was last written (in ns), its size, and its number in the file system."""


@dataclass(slots=True)
class FoundItems:
    """Files that were found, by the ids of the items."""

    files: dict[str, Path] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict)
    """Of each of these files, before it was read."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a file cannot be read, or a folder (its id ends with "/") cannot be listed."""
    packed: dict[str, frozenset[str]] = field(default_factory=dict)
    """Archives and mails that were opened, each with the names of all that is packed in it."""
    links: list[str] = field(default_factory=list)
    """Links out of the source that were not followed."""
    ignored: dict[str, str] = field(default_factory=dict)
    """Files of kinds that are not indexed: which kind each is, for people."""


@dataclass(frozen=True, slots=True)
class Root:
    """A source's folder on this machine."""

    name: str
    folder: Path
    known: Source | None = None
    """As the collection has it; None where it is new."""

    @property
    def moved(self) -> bool:
        """Whether the collection knows it at another place."""
        return self.known is not None and self.known.location != str(self.folder)


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a source is to be indexed: one file, or a folder and all below it."""

    root: Root
    inside: str
    """The path in the source, "" for all of it."""
    path: Path
    """The same on this machine."""

    @property
    def id(self) -> str:
        """The id of the file's item, or what the ids below the folder begin with."""
        return f"{self.root.name}/{self.inside}".rstrip("/")


def scopes_of(
    paths: Iterable[Path],
    sources: Sequence[Source],
    host: str,
    *,
    named: str | None,
    is_taken: Callable[[str], bool],
) -> list[Scope]:
    """What the paths mean to a collection with these sources.

    `named` is the name that the user gives the source; `is_taken` is, for a name that no source has, whether
    items have it. `InvalidArgument`, with the way out, where paths cannot be kept apart by their ids or it is
    not sure which source they belong to.
    """
    given = list(dict.fromkeys(_absolute(path) for path in paths))
    if named is not None:
        roots = _roots_of_one(given, sources, host, named)
    else:
        roots = _roots_of_each(given, sources, host, is_taken)
    scopes = [Scope(root, inside_of(root.folder, path) or "", path) for path, root in roots.items()]
    nested = [
        Scope(Root(one.name, Path(one.location), one), "", Path(one.location))
        for one in sources
        if one.host == host
        and Path(one.location).is_dir()
        and any(scope.path.is_dir() and inside_of(scope.path, Path(one.location)) for scope in scopes)
    ]
    return _without_covered([*scopes, *nested])


def _absolute(path: Path) -> Path:
    """The path from the root of the file system. Links stay, but before ".." they decide where that is."""
    return path.resolve() if ".." in path.parts else path.absolute()


def inside_of(folder: Path, path: Path) -> str | None:
    """The path within the folder, "" for the folder itself; None where it is outside.

    Links are followed first, so that a file has one path however it was reached; what a link leads out to is
    where the link is.
    """
    for base, one in ((Path(os.path.realpath(folder)), Path(os.path.realpath(path))), (folder, path)):
        if one.is_relative_to(base):
            return "" if one == base else one.relative_to(base).as_posix()
    return None


def leads_out(root: Root, path: Path) -> bool:
    """Whether the path is in the root by its name, and a link on the way leads elsewhere."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root.folder))


def _roots_of_each(
    paths: Sequence[Path], sources: Sequence[Source], host: str, is_taken: Callable[[str], bool]
) -> dict[Path, Root]:
    roots: dict[Path, Root] = {}
    new: dict[Path, Path] = {}
    for path in paths:
        owner = _owner(path, sources, host)
        if owner is not None:
            roots[path] = Root(owner.name, Path(owner.location), owner)
        else:
            _refuse_other_machines(path, sources, host)
            new[path] = path if path.is_dir() else path.parent
    folders: list[Path] = []
    for folder in sorted(set(new.values()), key=lambda one: len(one.parts)):
        if not any(inside_of(outer, folder) is not None for outer in folders):
            folders.append(folder)
    names = {one.name for one in sources}
    made: dict[Path, Root] = {}
    for path, wanted in new.items():
        folder = next(outer for outer in folders if inside_of(outer, wanted) is not None)
        if folder not in made:
            name = _free_name(folder, lambda one: one in names or is_taken(one))
            names.add(name)
            made[folder] = Root(name, folder)
        roots[path] = made[folder]
    return {path: roots[path] for path in paths}


def _roots_of_one(paths: Sequence[Path], sources: Sequence[Source], host: str, name: str) -> dict[Path, Root]:
    """All paths in the source of that name, which is new, known here, or has moved here."""
    if not name or "/" in name:
        raise InvalidArgument(f"{name!r} is not a name for a source: it must not be empty or contain '/'")
    known = next((one for one in sources if one.name == name), None)
    for path in paths:
        owner = _owner(path, sources, host)
        if owner is not None and owner.name != name:
            raise InvalidArgument(
                f"{path} belongs to the source {owner.name} ({owner.location}): leave --source out, or "
                "remove that source first with `tieback collections forget`"
            )
    if known is not None and known.host == host:
        folder = Path(known.location)
        if all(inside_of(folder, path) is not None for path in paths):
            return dict.fromkeys(paths, Root(name, folder, known))
        around = [path for path in paths if inside_of(path, folder) is not None]
        if around:
            raise InvalidArgument(
                f"the source {name} is {folder}, and {around[0]} is a folder around it: name {folder}, or "
                "leave --source out"
            )
    folders = {path if path.is_dir() else path.parent for path in paths}
    if len(folders) > 1:
        first, second, *_ = sorted(folders)
        raise InvalidArgument(
            f"--source is one folder, and files of {first} and {second} could have the same ids under it: "
            "index each by a call of its own with a --source of its own, or leave --source out"
        )
    (folder,) = folders
    if known is not None and not all(path.is_dir() for path in paths):
        raise InvalidArgument(
            f"the source {name} is {known.location} on {known.host}, and {paths[0]} is not in it; if the "
            "source has moved, name its folder"
        )
    return dict.fromkeys(paths, Root(name, folder, known))


def _owner(path: Path, sources: Sequence[Source], host: str) -> Source | None:
    """The deepest source of this machine that the path is in."""
    around = [one for one in sources if one.host == host and inside_of(Path(one.location), path) is not None]
    return max(around, key=lambda one: len(Path(os.path.realpath(one.location)).parts), default=None)


def _refuse_other_machines(path: Path, sources: Sequence[Source], host: str) -> None:
    for one in sources:
        if one.host != host and path.is_relative_to(one.location):
            raise InvalidArgument(
                f"the source {one.name} is {one.location} on the machine {one.host}, and this is {host}: if "
                f"it is the same folder, say --source {one.name}; if not, say --source with another name"
            )


def _without_covered(scopes: Sequence[Scope]) -> list[Scope]:
    """Without folders that the walk over another enters anyway; files are few, and may be hidden."""
    whole = {(one.root.name, one.inside): one for one in scopes}
    return [one for one in whole.values() if one.path.is_file() or not _is_entered(one, whole)]


def _is_entered(scope: Scope, scopes: Collection[tuple[str, str]]) -> bool:
    parts = scope.inside.split("/") if scope.inside else []
    for depth in reversed(range(len(parts))):
        if parts[depth].startswith("."):  # hidden: entered only where it is named
            return False
        if (scope.root.name, "/".join(parts[:depth])) in scopes:
            return True
    return False


def _free_name(folder: Path, is_taken: Callable[[str], bool]) -> str:
    """The folder's own name, with its parents' before it as far as that is taken."""
    parts = [_cleaned(part) for part in folder.parts[1:]] or [_UNNAMED]
    candidates = ("-".join(parts[-count:]) for count in range(1, len(parts) + 1))
    numbered = (f"{parts[-1]}-{number}" for number in range(2, NUMBERED))
    for name in itertools.chain(candidates, numbered):
        if len(name.encode()) <= NAME_BYTES and not is_taken(name):
            return name
    raise InvalidArgument(f"every name for {folder} is taken in this collection: give it one with --source")


def _cleaned(part: str) -> str:
    """A folder's name as a part of a source's: no control characters, no bytes that are no text, not long."""
    kept = "".join("-" if unicodedata.category(one) in ("Cc", "Cs") else one for one in part)
    return kept.encode()[: NAME_BYTES - 10].decode(errors="ignore")
