"""What one run of `tieback index` found and did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieback_contract.encodings import Truncated

from tieback_client.cli.file_items import digest_of, items_of, read_within
from tieback_client.cli.found import FoundItems
from tieback_client.cli.indexed import IndexedItems
from tieback_client.cli.pruning import Gone
from tieback_client.cli.roots import Scope
from tieback_client.cli.walking import Walk
from tieback_client.documents import Item
from tieback_client.errors import TiebackError
from tieback_client.files.opened import Opened
from tieback_client.writes import WriteResult
from tieback_client.writing_items import sections


@dataclass(slots=True)
class _Waiting:
    """A file some of whose items are not written yet."""

    kind: str
    sections: int
    items: set[str]
    parts: int
    """How many items it is."""
    has_failed: bool = False


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
