"""The items of a file: sections, metadata and a hash of its bytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tieback_contract.catalog import Space
from tieback_contract.metadata import INDEXED_FROM, MetadataValue
from tieback_contract.modality import Modality
from tieback_contract.recognition import SegmentKind

from tieback_client.cli.index.roots import FoundItems, Root, Scope
from tieback_client.cli.index.walking import Walk
from tieback_client.client import Client
from tieback_client.errors import InvalidArgument, NotFound, TiebackError
from tieback_client.files import MOST_BYTES
from tieback_client.files.items import FileContent, content_of_file, share_id, shares, size_of
from tieback_client.files.packed.packing import Opened, packed_in
from tieback_client.values.content import Audio, Image, modality_of_path
from tieback_client.values.documents import KEPT_WORDS, Collection, Item

# Changes when a file would be read differently, so that it is indexed again.
FORMAT = "6"
PART, PARTS = "part", "parts"
"""The metadata fields of a file that is several items: which one it is, from 1, and how many there are."""
ROOM = 64 * 1024  # what a message needs beside the file


@dataclass(frozen=True, slots=True)
class FileItems:
    """A file that was read."""

    items: Sequence[Item]
    """One, of a large text several; none where it holds nothing that can be found, which is no fault: a note
    says so."""
    kind: str
    """What it is, for people: its format where it is a text, else its modality."""
    notes: Sequence[str] = ()
    thin: tuple[int, int] | None = None
    """Counts of words, where next to nothing of it was kept: those kept, and those that it shows."""


def read_within(path: Path, limit: int, opened: Opened) -> bytes:
    """The bytes of a file; `InvalidArgument` where it is too large to be read.

    What is sent as it is must be within the server's limit for a message (0: none).
    """
    is_text = modality_of_path(path) in (None, Modality.TEXT)
    most = MOST_BYTES if is_text else limit - ROOM if limit else 0
    packed = None if packed_in(path) is None else opened.read(path)
    size = path.stat().st_size if packed is None else len(packed)
    if most and size > most:
        whose = "limit for texts" if is_text else "server's limit for a message"
        raise InvalidArgument(f"it has {size:,} bytes; the {whose} is {MOST_BYTES if is_text else limit:,}")
    return path.read_bytes() if packed is None else packed


def digest_of(data: bytes) -> str:
    """The hash by which an unchanged file is recognised and skipped."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}-{FORMAT}"


def items_of(name: str, source: str, data: bytes, *, limit: int = 0, pictures: bool = False) -> FileItems:
    """The items of a file. `InvalidArgument` where it is not what its suffix names, or too large."""
    read = content_of_file(name, data, pictures=pictures)
    kind, title, notes, facts = read.kind, read.title, list(read.notes), dict(read.facts)
    groups = list(shares(read.sections)) if read.is_text else [read.sections]
    size = max((sum(map(size_of, group)) for group in groups), default=0) if read.is_text else 0
    if limit and size > limit - ROOM:
        raise InvalidArgument(
            f"a part of it has {size:,} bytes; the server's limit for a message is {limit:,}"
        )
    if not groups:
        return FileItems((), kind, notes, read.thin)
    own: dict[str, MetadataValue] = {} if read.kept is None else {KEPT_WORDS: read.kept}
    own |= {
        "content_hash": digest_of(data),
        "path": name,
        "bytes": len(data),
        "kind": kind,
        INDEXED_FROM: source,
    }
    if len(groups) > 1:
        own[PARTS] = len(groups)
        notes.append(f"it is large, so it is {len(groups)} items")
    taken = [key for key in facts if key in own]
    if taken:
        notes.append(
            f"these keys of its front matter are not stored, because tieback sets them: {', '.join(taken)}"
        )
    items = [
        Item(share_id(name, number), group, title, facts | own | ({PART: number} if len(groups) > 1 else {}))
        for number, group in enumerate(groups, 1)
    ]
    return FileItems(items, kind, notes, read.thin)


PLURALS = {
    Modality.TEXT: "texts",
    Modality.IMAGE: "photos",
    Modality.AUDIO: "sounds",
    Modality.POINTS: "point clouds",
}


def space_of(client: Client, known: Collection | None, asked: str) -> Space | None:
    """The space of a collection, or of one that is to be made; None where it is not served any more.

    InvalidArgument where the collection is in another space than the one that is asked for.
    """
    if known is None:
        return client.space(asked)
    if asked and client.space(asked).ref.name != known.space.name:
        raise InvalidArgument.at(
            "space", f"the collection {known.name} is in the space {known.space.name}, and not in {asked}"
        )
    try:
        return client.space(known.space.name)
    except NotFound:
        return None


def leave_out(found: FoundItems, space: Space) -> dict[str, Modality]:
    """Takes what the space does not read out of what was found; returns its modalities by id."""
    unread: dict[str, Modality] = {}
    for name, path in found.files.items():
        modality = modality_of_path(path) or Modality.TEXT
        if modality not in space.modalities:
            unread[name] = modality
    for name, modality in list(unread.items()):
        del found.files[name]
        if modality is Modality.POINTS:  # a .npy may hold anything: here it is a file of another kind
            found.ignored[name] = PurePath(name).suffix.lower()
            del unread[name]
    return unread


def reads_scans(client: Client, space: Space | None) -> bool:
    """Tell whether a scanned page that is sent as a picture is read: by the space, and as writing."""
    if space is None or Modality.IMAGE not in space.modalities:
        return False
    return reads_writing(client)


def reads_writing(client: Client) -> bool:
    """Tell whether the server reads what is written in pictures."""
    return any(
        one.modality is Modality.IMAGE and one.recognises is SegmentKind.WORDS for one in client.recognisers()
    )


def summary(unread: dict[str, Modality], space: Space) -> str:
    """What was left out and why, for people."""
    counts = Counter(unread.values())
    told = " and ".join(f"{count} {PLURALS[modality]}" for modality, count in counts.items())
    reads = ", ".join(PLURALS[modality] for modality in space.modalities)
    return f"{told} skipped: the collection's space {space.name} encodes only {reads}"


@dataclass(frozen=True, slots=True)
class Given:
    """A file and what it holds."""

    id: str
    """Its name below that of the folder that it is in, as of an indexed file."""
    name: str
    """Its path as it was given, with the name inside where it is in a folder or packed."""
    content: FileContent | None = None
    fault: TiebackError | None = None
    """Why it cannot be read, in place of its content."""


def given_files(paths: Iterable[Path], *, pictures: bool = False) -> Iterator[Given]:
    """The files that paths name, in their order; `pictures` as in `content_of_file`."""
    for path in paths:
        whole = path.absolute()
        folder, inside = (whole, "") if whole.is_dir() else (whole.parent, whole.name)
        scope = Scope(Root(folder.name, folder), inside, whole)
        found = FoundItems()
        # A file that is named is read also where it is a link.
        Walk(follow_links=not whole.is_dir()).over(scope, found)
        for name, why in found.failures.items():
            yield Given(name, f"{path}{name[len(scope.id) :]}", fault=InvalidArgument(why))
        opened = Opened()
        for name, file in found.files.items():
            shown = f"{path}{name[len(scope.id) :]}"
            try:
                content = content_of_file(name, read_within(file, 0, opened), pictures=pictures)
                yield Given(name, shown, content)
            except TiebackError as error:
                yield Given(name, shown, fault=error)
            except OSError as error:
                yield Given(name, shown, fault=InvalidArgument(f"cannot read it: {error.strerror or error}"))


def is_media(content: object) -> bool:
    """Tell whether a content is a picture or a sound, which a recogniser reads."""
    return isinstance(content, Image | Audio)
