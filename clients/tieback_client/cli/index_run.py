"""What one run of `tieback index` found and did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieback_client.cli.file_items import digest_of, item_of, read_within
from tieback_client.cli.pruning import Gone
from tieback_client.cli.roots import Scope
from tieback_client.cli.walking import Found
from tieback_client.documents import Item
from tieback_client.errors import TiebackError
from tieback_client.results import Truncated, WriteResult
from tieback_client.writing import sections


@dataclass(slots=True)
class Run:
    """A run over scopes; `there` are the hashes of what is indexed, by id."""

    scopes: Sequence[Scope]
    found: Found
    there: Mapping[str, str]
    gone: Sequence[Gone]
    prunes: bool
    is_dry: bool
    unread: Sequence[str] = ()
    """Files that the collection's space does not read."""
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
    """What a reader should know of a file that is no failure, by its id."""
    emptied: list[str] = field(default_factory=list)
    """Items whose file holds nothing any more."""
    seconds: float = 0.0
    _read: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Kind and number of sections of items that are not written yet."""

    @property
    def removed(self) -> list[str]:
        """The items that are removed, or would be."""
        lost = [*(id for one in self.gone for id in one.ids), *self.emptied]
        return list(dict.fromkeys(lost)) if self.prunes else []

    def item(self, name: str, path: Path, limit: int, *, force: bool) -> Item | None:
        """The item of a file; None where it is there already, holds nothing, or cannot be read.

        The run keeps which of these it is.
        """
        try:
            data = read_within(path, limit)
            if not force and self.there.get(name) == digest_of(data):
                self.unchanged += 1
                return None
            read = item_of(name, name.partition("/")[0], path, data, limit=limit)
        except OSError as error:
            self.found.failures[name] = f"cannot read it: {error.strerror or error}"
            return None
        except TiebackError as error:
            self.found.failures[name] = error.message
            return None
        if read.notes:
            self.notes[name] = list(read.notes)
        if read.item is None:
            if name in self.there:
                self.emptied.append(name)
            return None
        self._read[name] = read.kind, len(sections(read.item))
        if self.is_dry:
            self._count(name)
        (self.changed if name in self.there else self.new).append(name)
        return read.item

    def note(self, result: WriteResult) -> None:
        """Takes in what became of an item."""
        if result.error is None:
            self.written += 1
            self._count(result.id)
            self.truncated += result.truncated_sections
            self.split += result.split_sections
            self.added += result.added_sections
            for space, more in result.truncated.items():
                known = self.cut_off.get(space)
                self.cut_off[space] = more if known is None else known + more
        else:
            self.found.failures[result.id] = result.error.message

    def _count(self, name: str) -> None:
        kind, sections = self._read.pop(name)
        self.kinds[kind] += 1
        self.sections += sections

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
