"""The files below a folder: which can be indexed, which cannot be read, and which links lead out of it."""

from __future__ import annotations

import errno
import functools
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from tieback_client.cli.index.roots import FoundItems, Scope, Stamp, leads_out
from tieback_client.errors import InvalidArgument
from tieback_client.files import SAMPLE, is_known, is_made_for_browsers, kind_left_out
from tieback_client.files.packages import load
from tieback_client.files.packed.packing import is_archive, is_packed, unpacked
from tieback_client.files.reading import MOST_BYTES

KEPT = 4096
"""Archives and mails whose contents are remembered while they are unchanged, by a run that watches them."""


@dataclass(frozen=True, slots=True)
class _Inside:
    """A file that is packed in another."""

    name: str
    fault: str
    kind: str
    """Its kind, for people, where it is not read."""


def add_packed(
    name: str, path: Path, stamp: Stamp, found: FoundItems, is_excluded: Callable[[str], bool]
) -> None:
    """Adds what is packed in a file as files below it; `is_excluded` is asked by the name inside."""
    try:
        inside = _inside(path, stamp)
    except InvalidArgument as error:
        found.failures[name] = error.message
        return
    except OSError as error:
        found.failures[name] = f"cannot read it: {error.strerror or error}"
        return
    found.packed[name] = frozenset(one.name for one in inside)
    for one in inside:
        whole = f"{name}/{one.name}"
        if is_excluded(one.name):
            continue
        if one.fault:
            found.failures[whole] = one.fault
        elif one.kind:
            found.ignored[whole] = one.kind
        else:
            found.files[whole] = path / one.name
            found.stamps[whole] = stamp


@functools.lru_cache(KEPT)
def _inside(path: Path, stamp: Stamp) -> tuple[_Inside, ...]:
    if stamp[1] > MOST_BYTES:
        raise InvalidArgument(f"it has {stamp[1]:,} bytes, and archives of up to {MOST_BYTES:,} are read")
    return tuple(
        _Inside(one.name, one.fault, "" if one.fault else _packed_kind(one.name, one.data[:SAMPLE]))
        for one in unpacked(path.name, path.read_bytes())
    )


def _packed_kind(name: str, head: bytes) -> str:
    if is_known(name):
        return ""
    suffix = PurePosixPath(name).suffix.lower()
    if kind := kind_left_out(name, head):
        return suffix or kind
    return f"built {suffix}" if is_made_for_browsers(name, head) else ""


_HIDDEN = (".", "~$")
"""How the names of hidden files begin; those with the second, Office keeps beside a file that is open."""

_FOLDER, _FILE = "folder", "file"


@dataclass(frozen=True, slots=True)
class Walk:
    """Walks over scopes. Hidden files are left out unless they are named."""

    exclude: tuple[str, ...] = ()
    """Patterns of paths below the named folder, or of names."""
    follow_links: bool = False
    """Whether links out of a source are followed."""
    elsewhere: frozenset[str] = frozenset()
    """Real paths of folders that are other sources, and not entered."""
    gitignore: bool = False
    """Whether what .gitignore files name is left out of folders."""

    def over(self, scope: Scope, found: FoundItems) -> None:
        """Adds what is there to `found`."""
        if not _is_text(str(scope.path)):
            found.failures[_shown(scope.id)] = "its path is not UTF-8"
        elif leads_out(scope.root, scope.path) and not self.follow_links:
            found.failures[scope.id] = (
                f"it is a link to {os.path.realpath(scope.path)}, out of {scope.root.folder}; --follow-links "
                "takes it in"
            )
        elif scope.path.is_dir():
            self._below(scope, found)
        else:
            self._named(scope, found)

    def _named(self, scope: Scope, found: FoundItems) -> None:
        try:
            mode = scope.path.stat().st_mode
        except OSError as error:
            found.failures[scope.id] = f"cannot read it: {error.strerror or error}"
            return
        if not stat.S_ISREG(mode):
            found.failures[scope.id] = "it is not a regular file"
        elif not self._excluded(scope.path.name, scope.path.name):
            self._add(scope.id, scope.path, scope.path.name, found, is_named=True)

    def _below(self, scope: Scope, found: FoundItems) -> None:
        root = Path(os.path.realpath(scope.root.folder))
        entered: set[str] = set()
        waiting = [("", str(scope.path), Ignored.around(str(scope.path)) if self.gitignore else Ignored())]
        while waiting:
            inside, folder, ignored = waiting.pop()
            below: list[tuple[str, str, Ignored]] = []
            ignored = ignored.entering(folder) if self.gitignore else ignored
            for entry in _entries(f"{scope.id}/{inside}", folder, found):
                path = f"{inside}{entry.name}"
                name = f"{scope.id}/{path}"
                kind, fault = _kind(entry)
                is_dir = kind == _FOLDER
                if entry.name.startswith(_HIDDEN) or self._excluded(path, entry.name, is_dir=is_dir):
                    continue
                if ignored.covers(entry.path, is_dir=is_dir):
                    continue
                if not _is_text(entry.name):
                    found.failures[_shown(name)] = "its name is not UTF-8"
                    continue
                if fault:
                    found.failures[name] = fault
                    continue
                if entry.is_symlink() and not self._followed(entry, kind, name, root, entered, found):
                    continue
                if is_dir:
                    if not self.elsewhere or os.path.realpath(entry.path) not in self.elsewhere:
                        below.append((f"{path}/", entry.path, ignored))
                elif kind == _FILE:
                    self._add(name, Path(entry.path), path, found)
                elif kind:
                    found.ignored[name] = kind
            waiting += reversed(below)

    def _followed(
        self, entry: os.DirEntry[str], kind: str, name: str, root: Path, entered: set[str], found: FoundItems
    ) -> bool:
        """Whether a link is followed. What it leads to inside the source is found there anyway."""
        target = os.path.realpath(entry.path)
        inside, is_there = Path(target).is_relative_to(root), Path(target).exists()
        if not is_there and (inside or self.follow_links):
            found.failures[name] = f"it is a link to {target}, which does not exist"
            return False
        if inside:
            return False
        if not self.follow_links:
            if kind in (_FOLDER, _FILE):
                found.links.append(name)
            return False
        if kind == _FOLDER:
            if target in entered or root.is_relative_to(target):
                return False
            entered.add(target)
        return True

    def _excluded(self, inside: str, name: str, *, is_dir: bool = False) -> bool:
        return any(
            fnmatch(inside, one) or fnmatch(name, one) or (is_dir and fnmatch(f"{inside}/", one))
            for one in self.exclude
        )

    def _add(self, name: str, path: Path, below: str, found: FoundItems, *, is_named: bool = False) -> None:
        """A file of an unknown suffix is read where its bytes are text; one that was named must be."""
        if not is_known(path.name) and not is_archive(path.name):
            try:
                with path.open("rb") as file:
                    head = file.read(SAMPLE)
            except OSError as error:
                found.failures[name] = f"cannot read it: {error.strerror or error}"
                return
            kind = kind_left_out(path.name, head)
            if kind and is_named:
                found.failures[name] = f"it is {kind}, and not text, a photo or a sound"
                return
            if kind:
                found.ignored[name] = path.suffix.lower() or kind
                return
            if not is_named and is_made_for_browsers(path.name, head):
                found.ignored[name] = f"built {path.suffix.lower()}"
                return
        try:
            told = path.stat()
        except OSError as error:  # it vanished
            found.failures[name] = f"cannot read it: {error.strerror or error}"
            return
        stamp = (told.st_mtime_ns, told.st_size, told.st_ino)
        found.stamps[name] = stamp
        if not is_archive(path.name):
            found.files[name] = path
        if is_packed(path.name):
            add_packed(
                name,
                path,
                stamp,
                found,
                lambda inside: self._excluded(f"{below}/{inside}", PurePath(inside).name),
            )


def _entries(name: str, folder: str, found: FoundItems) -> Iterator[os.DirEntry[str]]:
    """What a folder holds, by name; why it cannot be listed goes to `found`."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda one: one.name)
    except OSError as error:
        found.failures[name] = f"cannot list it: {error.strerror or error}"
        return
    yield from listed


def _kind(entry: os.DirEntry[str]) -> tuple[str, str]:
    """A folder, a file, or what else it is, in words, after links; "" where it is not there. Then a fault."""
    try:
        if entry.is_dir():
            return _FOLDER, ""
        if entry.is_file():
            return _FILE, ""
        mode = entry.stat().st_mode
    except FileNotFoundError:
        return "", ""
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "", "it is a link that leads back to itself"
        return "", f"cannot read it: {error.strerror or error}"
    if stat.S_ISFIFO(mode):
        return "named pipe", ""
    return ("socket" if stat.S_ISSOCK(mode) else "device"), ""


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(name: str) -> str:
    """A name with its bytes that are no text written as escapes."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


NAME = ".gitignore"


class Ignored:
    """The rules that hold in a folder: those of its own file, and of the folders around it."""

    def __init__(self, rules: tuple[tuple[str, Any], ...] = ()) -> None:
        self._rules = rules  # the outermost first, each with the path that its patterns are below

    @classmethod
    def around(cls, folder: str) -> Ignored:
        """The rules around a folder, up to the root of its checkout; without those of its own file."""
        parents = list(Path(folder).absolute().parents)
        root = next((at for at, one in enumerate(parents) if (one / ".git").exists()), None)
        if root is None or (Path(folder) / ".git").exists():
            return cls()
        rules = cls()
        for one in reversed(parents[: root + 1]):
            rules = rules.entering(str(one))
        return rules

    def entering(self, folder: str) -> Ignored:
        """The rules in a folder, with those of its own file."""
        rules = Path(folder) / NAME
        try:
            if not rules.is_file():  # a pipe of this name would be waited for
                return self
            written = rules.read_text(errors="replace")
        except OSError:
            return self
        return Ignored((*self._rules, (f"{Path(folder).absolute()}/", _patterns(written))))

    def covers(self, path: str, *, is_dir: bool) -> bool:
        """Whether a file or folder is named; the innermost rule that speaks of it decides."""
        whole = f"{Path(path).absolute()}{'/' if is_dir else ''}"
        for base, patterns in reversed(self._rules):
            said = patterns.check_file(whole.removeprefix(base)).include
            if said is not None:
                return bool(said)
        return False


def _patterns(written: str) -> Any:
    """The patterns of a file; a line that is none names nothing, as for git."""
    made = load("pathspec", ".gitignore files").GitIgnoreSpec
    lines: list[str] = []
    for line in written.splitlines():
        try:
            made.from_lines([line])
        except (ValueError, re.error):  # the second of a set of characters
            continue
        lines.append(line)
    return made.from_lines(lines)
