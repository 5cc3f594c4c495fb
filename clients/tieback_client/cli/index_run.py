"""What one run of `tieback index` found and did."""

from __future__ import annotations

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
    seconds: float = 0.0

    @property
    def removed(self) -> list[str]:
        """The items that are removed, or would be."""
        return list(dict.fromkeys(id for one in self.gone for id in one.ids)) if self.prunes else []

    def item(self, name: str, path: Path, limit: int, *, force: bool) -> Item | None:
        """The item of a file; None where it is there already or cannot be read, which the run notes."""
        try:
            data = read_within(path, limit)
            if not force and self.there.get(name) == digest_of(data):
                self.unchanged += 1
                return None
            item = item_of(name, name.partition("/")[0], path, data)
        except OSError as error:
            self.found.failures[name] = f"cannot read it: {error.strerror or error}"
            return None
        except TiebackError as error:
            self.found.failures[name] = error.message
            return None
        self.sections += len(item.sections) if isinstance(item.sections, list) else 1
        (self.changed if name in self.there else self.new).append(name)
        return item

    def note(self, result: WriteResult) -> None:
        """Takes in what became of an item."""
        if result.error is None:
            self.written += 1
            self.truncated += result.truncated_sections
            self.split += result.split_sections
            self.added += result.added_sections
            for space, more in result.truncated.items():
                known = self.cut_off.get(space)
                self.cut_off[space] = more if known is None else known + more
        else:
            self.found.failures[result.id] = result.error.message

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
            "ignored": len(self.found.ignored),
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
