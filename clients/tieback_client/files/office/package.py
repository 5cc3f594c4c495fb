"""The XML parts of a document that is a ZIP archive: of Office (.docx, .pptx), OpenDocument, EPUB.

The parts are read by expat, as a stream of tags: no tree is built, so that no nesting is too deep. A document
type is refused, because none of these has one and only it can define entities that grow without end.
"""

from __future__ import annotations

import functools
import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Mapping
from xml.parsers import expat

from tieback_client.errors import InvalidArgument
from tieback_client.files.budget import SECONDS, Budget, TookTooLong

MOST_BYTES = 128 << 20
"""Bytes of all parts that are read of a file, decompressed."""
_OPEN, _STRICT = "http://schemas.openxmlformats.org", "http://purl.oclc.org/ooxml"
_PREFIXES = {
    f"{_OPEN}/wordprocessingml/2006/main": "w:",
    f"{_STRICT}/wordprocessingml/main": "w:",
    f"{_OPEN}/presentationml/2006/main": "p:",
    f"{_STRICT}/presentationml/main": "p:",
    f"{_OPEN}/drawingml/2006/main": "a:",
    f"{_STRICT}/drawingml/main": "a:",
    f"{_OPEN}/officeDocument/2006/math": "m:",
    f"{_STRICT}/officeDocument/math": "m:",
    f"{_OPEN}/officeDocument/2006/relationships": "r:",
    f"{_STRICT}/officeDocument/relationships": "r:",
    f"{_OPEN}/package/2006/relationships": "rel:",
    f"{_OPEN}/markup-compatibility/2006": "mc:",
    "http://purl.org/dc/elements/1.1/": "dc:",
    **{
        f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0": f"{name}:"
        for name in ("office", "text", "table", "style", "manifest")
    },
    "urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0": "svg:",
}
_BEFORE_2007 = b"\xd0\xcf\x11\xe0"
# What zipfile raises on damage, and on what it cannot read.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)

Start = Callable[[str, Mapping[str, str]], None]


class Package:
    """A file of Office. `InvalidArgument` where it is none, or its parts are damaged or too large."""

    def __init__(self, data: bytes) -> None:
        self._archive = archive_of(data)
        self._names = frozenset(self._archive.namelist())
        self._left = MOST_BYTES
        self._budget = Budget()

    def read(
        self,
        part: str,
        start: Start,
        end: Callable[[str], None] = lambda _: None,
        text: Callable[[str], None] = lambda _: None,
    ) -> bool:
        """Reports the tags and texts of a part; whether it is there.

        Names of tags and attributes have the prefixes that Office uses ("w:p"), if it is in the table above.
        """
        if part not in self._names:
            return False

        def started(name: str, values: dict[str, str]) -> None:
            self._budget.check()
            start(_named(name), {_named(one): value for one, value in values.items()})

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = started
        parser.EndElementHandler = lambda name: end(_named(name))
        parser.CharacterDataHandler = text
        try:
            parser.Parse(self.bytes_of(part), True)
        except expat.ExpatError as error:
            raise InvalidArgument(f"it is damaged: the XML of {part} has an error: {error}") from None
        except TookTooLong:
            raise InvalidArgument(f"reading it took more than {SECONDS:.0f} s") from None
        return True

    def related(self, part: str) -> dict[str, tuple[str, str]]:
        """The parts that a part names, by their ids there: the last word of the kind, and the name."""
        folder, name = posixpath.split(part)
        found: dict[str, tuple[str, str]] = {}

        def start(tag: str, values: Mapping[str, str]) -> None:
            if tag == "rel:Relationship" and values.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, values.get("Target", "")))
                kind = values.get("Type", "").rpartition("/")[2]
                found[values.get("Id", "")] = (kind, target.lstrip("/"))

        self.read(posixpath.join(folder, "_rels", f"{name}.rels"), start)
        return found

    def main(self) -> str:
        """The part with the document itself. `InvalidArgument` where none is named."""
        parts = [name for kind, name in self.related("").values() if kind == "officeDocument"]
        if not parts:
            raise InvalidArgument("it is a ZIP archive, and not a file of Office")
        return parts[0]

    def title(self, part: str = "docProps/core.xml") -> str:
        """The title among the properties of the file, which a part of it has; "" for none."""
        words: list[str] = []
        inside: list[str] = []
        self.read(
            part,
            lambda name, _: inside.append(name),
            lambda _: inside.clear(),
            lambda text: words.append(text) if inside[-1:] == ["dc:title"] else None,
        )
        return " ".join("".join(words).split())

    def names(self) -> list[str]:
        """Its parts, in their order."""
        return sorted(self._names)

    def has(self, part: str) -> bool:
        """Whether it has a part."""
        return part in self._names

    def bytes_of(self, part: str) -> bytes:
        """A part, decompressed. `InvalidArgument` where it is damaged, or all that was read is too much."""
        try:
            with self._archive.open(part) as file:
                data = file.read(self._left + 1)
        except _DAMAGE as error:
            raise InvalidArgument(f"it is damaged: {part} cannot be read: {error}") from None
        self._left -= len(data)
        if self._left < 0:
            raise InvalidArgument(f"its parts have more than {MOST_BYTES:,} bytes, decompressed")
        return data


def archive_of(data: bytes) -> zipfile.ZipFile:
    """The archive that a file of Office is. `InvalidArgument` where it is none."""
    if data.startswith(_BEFORE_2007):
        raise InvalidArgument("it is encrypted with a password, or in the format of before 2007")
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGE:
        raise InvalidArgument("it is damaged: it is no ZIP archive, as files of its kind are") from None


@functools.lru_cache(4096)
def _named(name: str) -> str:
    """A name with the prefix that Office uses for its namespace."""
    space, _, own = name.rpartition(" ")
    return f"{_PREFIXES.get(space, '')}{own}"


def _refuse(*_: object) -> None:
    raise InvalidArgument("its XML has a document type, which files of its kind do not have")
