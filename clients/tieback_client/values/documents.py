"""What a collection holds: items made of citable sections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike
from typing import TypeAlias

from tieback.v1 import index_pb2
from tieback_contract.collections import Moving, Source
from tieback_contract.field_path import FieldPath
from tieback_contract.metadata import Metadata
from tieback_contract.modality import Modality
from tieback_contract.query import NO_OPTIONS, QueryOptions
from tieback_contract.recognition import Segment
from tieback_contract.shapes import ABSENT, wire
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector, SpaceRef, Vector

from tieback_client.errors import InvalidArgument
from tieback_client.transport.codec import writing
from tieback_client.values.content import ContentLike


@dataclass(frozen=True, slots=True)
class Section:
    """A citable part of an item."""

    content: ContentLike | None = None
    """What it holds; None for a stored picture or sound, whose bytes are not kept."""
    id: str = ""
    """Names it within its item, for instance ``"4.2"``; empty for its ordinal."""
    title: str = ""
    """Its heading for people, after those above it, with " › " between."""
    uri: str = ""
    """Where the original can be found; stored and returned, never fetched."""
    vector: Vector | None = field(default=None, metadata=wire(ABSENT))
    """For `upsert`: its vector, in the collection's space. `ingest` computes it."""
    search_text: str = field(default="", metadata=wire(ABSENT))
    """For `upsert`: words to find it by where it is no text; a text is found by its own."""
    modality: Modality | None = field(default=None, metadata=wire(ABSENT))
    """For `upsert`: its modality, if the content is a vector."""
    segments: Sequence[Segment] = ()
    """Of a stored picture or sound, and for `upsert`: where parts of its words (`search_text`) are in it."""
    regions: MultiVector | None = field(default=None, metadata=wire(ABSENT))
    """For `upsert`, of a picture: vectors of its regions, at most 64, beside `vector`, that of the whole."""
    tokens: MultiVector | None = field(default=None, metadata=wire(ABSENT))
    """For `upsert`, of a text: the vectors of its tokens, where the collection keeps them, before pooling."""
    span: tuple[int, int] | None = None
    """Of a text: which bytes of the original, as UTF-8, it is, exactly; None where that is not known, or
    where it is not a piece of the original as it stands."""
    continues: bool = False
    """Whether it goes on with the text of the section before it: both are pieces of one text that was cut for
    its length. Of a short one, `retrieve` makes them one hit."""


@dataclass(frozen=True, slots=True)
class Item:
    """A document: sections of any modality."""

    id: str
    """Names it within its collection, 1 to 512 bytes."""
    sections: ContentLike | Section | Sequence[ContentLike | Section]
    """The parts, in reading order; a single content does for an item of one section."""
    title: str = ""
    """A title for people."""
    metadata: Metadata = field(default_factory=dict)
    """Facts to filter by."""

    @classmethod
    def from_text(
        cls, id: str, text: str, *, title: str = "", uri: str = "", metadata: Metadata | None = None
    ) -> Item:
        """A text, which the server splits for the spaces that read it.

        The server refuses what becomes more than 4,096 sections: some 2 MB of prose, 400 kB of numbers. Its
        sections have the title and the URI, and spans that lead back to the text.
        """
        parts = [
            Section(part, id=str(number), title=title, uri=uri, span=span, continues=number > 1)
            for number, (part, span) in enumerate(stretches(text), 1)
        ]
        return cls(id, parts, title, dict(metadata or {}))

    @classmethod
    def from_file(
        cls,
        path: str | PathLike[str],
        *,
        id: str = "",
        title: str = "",
        uri: str = "",
        metadata: Metadata | None = None,
    ) -> Item:
        """A file: Markdown, reStructuredText, HTML, PDF, any other text, a photo, a sound, or a point cloud.

        A text's sections are those of its headings or pages, with their places as fragments of the URI. Its
        front matter is metadata, which `metadata` adds to; where less than a fifth of the words that the file
        shows was read, its field "kept_words" has the share. `id` and `uri` are the file's name by default,
        and `title` the one in the file, or else its name.

        `InvalidArgument` where it cannot be read, holds no text, is not what its suffix names, or has more
        than 2 MiB of text, which is too much for one item; `FailedPrecondition` where what reads its format
        is not installed, with what to install. A text that is dense, such as a table of numbers, may be
        refused by the server from 400 kB on, since it is split into too many sections: `all_from_file` takes
        every size.
        """
        from tieback_client.files.items import item_of

        return item_of(path, id=id, title=title, uri=uri, metadata=metadata or {})

    @classmethod
    def all_from_file(
        cls,
        path: str | PathLike[str],
        *,
        id: str = "",
        title: str = "",
        uri: str = "",
        metadata: Metadata | None = None,
    ) -> list[Item]:
        """A file as `from_file` takes it, with up to 64 MiB of text, as one item for every 88 KiB of text.

        Their ids are `id`, `id/2`, `id/3` and so on; each has the title, the metadata and, of a text as it
        stands, spans of the whole file. Photos, sounds and point clouds are one item. Each file in an
        archive, and each that is attached to a mail, is an item with its name: `id/docs/keys.md`.
        """
        from tieback_client.files.items import items_of

        return items_of(path, id=id, title=title, uri=uri, metadata=metadata or {})


KEPT_WORDS = "kept_words"
"""The metadata field of an item from a file: the share of the words that the file shows, that was read."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of items whose vectors share one space."""

    name: str
    """Its name."""
    space: SpaceRef
    """The space of all its vectors."""
    width: int
    """Their width."""
    item_count: int
    """Items that it holds."""
    section_count: int
    """Sections that it holds, the unit of search."""
    created: datetime | None = field(metadata=wire("create_time"))
    """When it was made, in UTC."""
    policy: str = field(default="", metadata=wire("routing.policy"))
    """The default routing of queries: a method of the family "routing"; empty for the server's."""
    weights: Mapping[str, float] = field(default_factory=dict, metadata=wire("routing.weights"))
    """The weights per space of that, where there are some."""
    imputation: str = field(default="", metadata=wire("routing.imputation.name"))
    """What their queries do about lost spaces: a method of the family "imputation"; empty for the default."""
    vector_count: int = 0
    """Vectors that it holds: one for each section, and one for each region of a section."""
    sources: Sequence[Source] = ()
    """The folders that its items come from, by name; only `get_collection` returns them."""
    damage: str = ""
    """What is wrong with its files on the server and what to do about it; empty where they are sound."""
    stale: str = ""
    """Why it cannot be found by contents and what to do about it: another revision of its space is served."""
    codec: str = field(default="", metadata=wire("codec.name"))
    """How its vectors are kept in the memory of the server: a method of the family "codecs"."""
    resident_bytes: int = 0
    """Bytes of its vectors there, with those of regions."""
    codec_trained_on: int = 0
    """How many of its vectors the codec was learned from; 0 where it learns nothing, or has not yet."""
    token_vectors: TokenVectors | None = None
    """How it keeps vectors of the tokens of texts on the disk of the server; None where it keeps none."""
    plan: QueryOptions = NO_OPTIONS
    """What `retrieve` and `answer` do with it where a query does not say."""
    moving: Moving | None = None
    """Where an upgrade moves it; None where it is in one space."""


TokenVectorsLike: TypeAlias = TokenVectors | bool
"""True for the server's defaults, False to say nothing."""

_write = writing(TokenVectors, index_pb2.TokenVectors)


def write_token_vectors(value: TokenVectorsLike, field: FieldPath) -> index_pb2.TokenVectors | None:
    """The message; None where nothing is asked for."""
    if value is False:
        return None
    asked = TokenVectors() if value is True else value
    if not isinstance(asked, TokenVectors):
        raise InvalidArgument.at(field, f"give TokenVectors, or True, not {type(asked).__name__}")
    return _write(asked, field)


LONGEST = 1 << 16
"""Characters of a stretch: at most 256 KiB, where servers take 1 MiB by default."""
_ENDS = tuple(map(re.compile, (r"\n[ \t]*\r?\n", r"[.!?]\s", r"\n", r"\s")))


def stretches(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The stretches of a text with their bytes of it, one after the other; of a blank text, all of it is one.

    Each ends after a paragraph where one ends in its second half, else after a sentence, a line, or a word.
    What is white space and nothing else is left out, since no space reads it.
    """
    if not text.strip():
        yield text, (0, len(text.encode()))
        return
    begin, byte = 0, 0
    while True:
        end = len(text) if len(text) - begin <= LONGEST else _end(text, begin)
        part = text[begin:end]
        size = len(part.encode(errors="surrogatepass"))  # what is no text is refused when it is sent
        if part.strip():
            yield part, (byte, byte + size)
        begin, byte = end, byte + size
        if begin >= len(text):
            return


def _end(text: str, begin: int) -> int:
    half, last = begin + LONGEST // 2, begin + LONGEST
    for ends in _ENDS:
        found = [one.end() for one in ends.finditer(text, half, last)]
        if found:
            return found[-1]
    return last
