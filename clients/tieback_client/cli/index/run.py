"""What one run of `tieback index` found and did."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tieback_contract.encodings import Truncated

from tieback_client.cli.index.file_items import digest_of, items_of, read_within
from tieback_client.cli.index.indexed import IndexedItems
from tieback_client.cli.index.roots import FoundItems, Scope
from tieback_client.cli.index.walking import Walk
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.errors import TiebackError, Unavailable
from tieback_client.files.packed.packing import Opened, packed_in
from tieback_client.messages.writing_items import sections
from tieback_client.values.documents import Item
from tieback_client.values.writes import WriteResult


@dataclass(slots=True)
class _Waiting:
    """A file some of whose items are not written yet."""

    kind: str
    sections: int
    items: set[str]
    parts: int
    """How many items it is."""
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The files of a scope that are gone."""

    scope: Scope
    paths: list[str]
    """Files that the collection has items of and that are not there any more."""
    recorded: int
    """Files of the scope that the collection has items of."""
    is_empty: bool
    """Whether no file is there at all."""

    @property
    def is_doubtful(self) -> bool:
        """Whether the folder looks as if it were not mounted, or another one."""
        return bool(self.paths) and (self.is_empty or 2 * len(self.paths) > self.recorded)

    @property
    def reason(self) -> str:
        """What is doubtful, in words."""
        if self.is_empty:
            return f"{self.scope.path} holds no file, and {self.recorded} files were indexed from it"
        gone = len(self.paths)
        return f"{gone} of the {self.recorded} files that were indexed from {self.scope.path} are gone"


def gone_of(scope: Scope, recorded: Iterable[str], found: FoundItems) -> Gone:
    """The files of a scope that are gone; of a folder that cannot be listed, none.

    `recorded` are the files that the source has items of. A file that is there is never gone, whatever hides
    it: a pattern, a link that is not followed, or a folder that cannot be read.
    """
    below = f"{scope.id}/"
    mine = [one for one in recorded if one.startswith(below)]
    is_open = scope.path.is_dir() or scope.id in found.packed
    listed = is_open and below not in found.failures and scope.id not in found.failures
    paths = [one for one in mine if listed and one not in found.files and _is_lost(scope, one, found)]
    is_empty = not any(one.startswith(below) for one in found.files)
    return Gone(scope, sorted(paths), len(mine), is_empty)


def _is_lost(scope: Scope, name: str, found: FoundItems) -> bool:
    """Tell whether a file is not there, nor packed in one that is: that was opened, and does not hold it."""
    path = scope.path / name[len(scope.id) + 1 :]
    file = packed_in(path)
    if file is None:
        return _is_gone(path)
    inside = path.relative_to(file).as_posix()
    packed = name[: -len(inside) - 1]
    above = [f"{packed}/{one}" for one in PurePosixPath(inside).parents]
    return (
        packed in found.packed
        and inside not in found.packed[packed]
        and not any(one in found.failures for one in above)
    )


def _is_gone(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it is not known, so it is not gone
        return False


@dataclass(slots=True)
class Run:
    """A run over scopes. Files are named by the id of their first item: source, "/", path."""

    scopes: Sequence[Scope]
    found: FoundItems
    there: IndexedItems
    gone: Sequence[Gone]
    prunes: bool
    is_dry: bool
    unread: Sequence[str] = ()
    """Files that the collection's space does not read."""
    same: Collection[str] = ()
    """Files that have not changed since a run before."""
    walk: Walk = field(default_factory=Walk)
    """How the scopes were walked over."""
    pictures: bool = False
    """True if scanned pages are sent as pictures, which the server reads."""
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    written: int = 0
    sections: int = 0
    split: int = 0
    added: int = 0
    truncated: int = 0
    cut_off: dict[str, Truncated] = field(default_factory=dict)
    unchanged: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """How many files of each kind were written, or would be."""
    notes: dict[str, list[str]] = field(default_factory=dict)
    """Notes about files that did not fail, by id."""
    thin: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Files of which next to nothing was kept: how many words, of how many that they show."""
    emptied: list[str] = field(default_factory=list)
    """Files that hold nothing any more, and have items."""
    seconds: float = 0.0
    opened: Opened = field(default_factory=Opened)
    """Reads the files, in their order."""
    _surplus: dict[str, list[str]] = field(default_factory=dict)
    """Items of earlier, larger texts of files that have fewer items now."""
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _file_of: dict[str, str] = field(default_factory=dict)
    """The file of each item that is under way."""

    @property
    def removed(self) -> list[str]:
        """The files whose items are removed, or would be."""
        lost = [*(path for one in self.gone for path in one.paths), *self.emptied]
        return list(dict.fromkeys(lost)) if self.prunes else []

    @property
    def removed_items(self) -> list[str]:
        """The items that are to be removed: those of removed files, and what files lost that became shorter.

        A file that failed keeps all of them.
        """
        files = self.found.files
        lost = [
            id
            for path in self.removed
            for id in self.there.ids_of(path)
            if id == path or id not in files  # else a folder is there now, with a file of that name
        ]
        kept = self.found.failures
        return [*lost, *(id for path, ids in self._surplus.items() if path not in kept for id in ids)]

    def items(self, name: str, path: Path, limit: int, *, force: bool) -> Sequence[Item]:
        """The items of a file; none where they are there already, it holds nothing, or cannot be read.

        The run keeps which of these it is.
        """
        if name in self.same and self.there.ids_of(name):
            self.unchanged += 1
            return ()
        try:
            data = read_within(path, limit, self.opened)
            if not force and self.there.is_whole(name, digest_of(data)):
                self.unchanged += 1
                return ()
            source = name.partition("/")[0]
            read = items_of(name, source, data, limit=limit, pictures=self.pictures)
        except OSError as error:
            self.found.failures[name] = f"cannot read it: {error.strerror or error}"
            return ()
        except TiebackError as error:
            self.found.failures[name] = error.message
            return ()
        except Exception as error:  # noqa: BLE001 - what nobody foresaw of a file is no fault of the others
            self.found.failures[name] = f"what reads it fails on it: {type(error).__name__}"
            return ()
        if read.notes:
            self.notes[name] = list(read.notes)
        if read.thin:
            self.thin[name] = read.thin
        before = self.there.ids_of(name)
        if not read.items:
            if before:
                self.emptied.append(name)
            return ()
        ids = {one.id for one in read.items}
        self._surplus[name] = [id for id in before if id not in ids]
        waiting = _Waiting(read.kind, sum(len(sections(one)) for one in read.items), ids, len(ids))
        if self.is_dry:
            self._count(waiting)
        else:
            self._waiting[name] = waiting
            self._file_of.update(dict.fromkeys(ids, name))
        (self.changed if before else self.new).append(name)
        return read.items

    def note(self, result: WriteResult) -> tuple[float, str, str]:
        """Takes in what became of an item: its share of its file, the file, and how far that is in words."""
        name = self._file_of.pop(result.id)
        waiting = self._waiting[name]
        waiting.items.remove(result.id)
        if result.error is None:
            self.truncated += result.truncated_sections
            self.split += result.split_sections
            self.added += result.added_sections
            self._cut_off(result.truncated)
        else:
            waiting.has_failed = True
            self.found.failures[name] = result.error.message
        far = f"{name} ({waiting.parts - len(waiting.items)} of {waiting.parts} parts)"
        done = 1 / waiting.parts, name, far
        if waiting.items:
            return done
        del self._waiting[name]
        if not waiting.has_failed:
            self.written += 1
            self._count(waiting)
        return done if waiting.parts > 1 else (1.0, name, name)

    def add(self, part: Run) -> None:
        """Takes in what another run did with other files."""
        self.found.failures.update(part.found.failures)
        self.new += part.new
        self.changed += part.changed
        self.emptied += part.emptied
        self.written += part.written
        self.sections += part.sections
        self.split += part.split
        self.added += part.added
        self.truncated += part.truncated
        self.unchanged += part.unchanged
        self.kinds += part.kinds
        self.notes.update(part.notes)
        self.thin.update(part.thin)
        self._surplus.update(part._surplus)
        self._cut_off(part.cut_off)

    def _cut_off(self, truncated: Mapping[str, Truncated]) -> None:
        for space, more in truncated.items():
            known = self.cut_off.get(space)
            self.cut_off[space] = more if known is None else known + more

    def _count(self, file: _Waiting) -> None:
        self.kinds[file.kind] += 1
        self.sections += file.sections

    def record(self, collection: str) -> dict[str, Any]:
        """The run as JSON."""
        listed = {"new": self.new, "changed": self.changed} if self.is_dry else {}
        return {
            "collection": collection,
            "sources": {scope.root.name: str(scope.root.folder) for scope in self.scopes},
            "dry_run": self.is_dry,
            **listed,
            "written": self.written,
            "sections": self.sections,
            "unchanged": self.unchanged,
            "kinds": dict(self.kinds),
            "ignored": len(self.found.ignored),
            "ignored_kinds": dict(Counter(self.found.ignored.values())),
            "notes": self.notes,
            "thin": {name: {"kept": kept, "visible": all_} for name, (kept, all_) in self.thin.items()},
            "unread": list(self.unread),
            "links": self.found.links,
            "removed": self.removed,
            "split_sections": self.split,
            "added_sections": self.added,
            "truncated_sections": self.truncated,
            "truncated": {
                space: {"sections": one.sections, "tokens": one.tokens, "window": one.window}
                for space, one in self.cut_off.items()
            },
            "failures": self.found.failures,
            "seconds": round(self.seconds, 3),
        }


@contextmanager
def removed_if_empty(client: Client, output: Output, name: str, run: Run, *, is_new: bool) -> Iterator[None]:
    """Removes the collection in the end, also where the run fails, if it is new and has no items."""
    try:
        yield
    except Unavailable:  # it cannot be asked
        raise
    except BaseException:
        if is_new and not run.written:
            _remove(client, output, name)
        raise
    if is_new and not run.written:
        _remove(client, output, name)


def _remove(client: Client, output: Output, name: str) -> None:
    with suppress(TiebackError):  # what ended the run is told, and not this
        if client.get_collection(name).item_count == 0:
            client.delete_collection(name)
            output.note(f"nothing was written, so the new collection {name} was removed again")
