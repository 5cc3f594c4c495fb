"""Files that the space of a collection does not read: left out of an indexing run, with the reason."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath

from tieback_contract.modality import Modality
from tieback_contract.recognition import SegmentKind

from tieback_client.catalog import Space
from tieback_client.cli.found import FoundItems
from tieback_client.client import Client
from tieback_client.content import modality_of_path
from tieback_client.documents import Collection
from tieback_client.errors import InvalidArgument, NotFound

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
