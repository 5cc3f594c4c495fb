"""Collections with judged questions: documents, what is asked of them, and which of them answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tieback_client import Item

DEV, HELD_OUT = "dev", "held-out"


@dataclass(frozen=True, slots=True)
class Document:
    """A document that becomes an item: a text with its title, or a file."""

    id: str
    text: str = ""
    title: str = ""
    file: Path | None = None

    @property
    def item(self) -> Item:
        """As a user would make it."""
        if self.file is None:
            return Item.from_text(self.id, self.text, title=self.title)
        return Item.from_file(self.file, id=self.id)


@dataclass(frozen=True, slots=True)
class Question:
    """A query with the grades of the documents that answer it, above 0."""

    id: str
    query: Sequence[str | Path]
    """Words, and files of photos and sounds; several are one query."""
    grades: Mapping[str, int]
    own: frozenset[str] = frozenset()
    """Documents that are part of the query, and left out of what it finds."""
    kind: str = ""
    split: str = ""
    answer: Sequence[str] = ()
    """Texts of which the section that answers holds one."""

    @property
    def words(self) -> str:
        """Its words, joined."""
        return " ".join(part for part in self.query if isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Judged:
    """A collection: documents and questions."""

    name: str
    documents: Sequence[Document]
    questions: Sequence[Question]
    modalities: frozenset[str] = field(default=frozenset({"text"}))

    @property
    def answerable(self) -> Sequence[Question]:
        """The questions to which there is an answer."""
        return [one for one in self.questions if one.grades]
