"""Contents of a collection in two spaces: its own, and the one that is to take its place."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from tieback.answer.moving.collections import LOADING_SECONDS, UPGRADING, refuse_where_arrived
from tieback.answer.moving.reindexing import to_change
from tieback.answer.spaces.collections import CollectionSpace, CollectionSpaces
from tieback.answer.stopwatch import Stopwatch
from tieback.core.call import NO_CALL
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput
from tieback.core.types.collection import StoredCollection
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.encoding import Truncation
from tieback.core.types.fusion import FuseRequest, Role
from tieback.core.types.moving import WITH_HALVES, Anchors, Asked, SpacePair
from tieback.ports import StorePort

MOST_WORDS = 256
"""Different words of a text that count."""
_WORD = re.compile(r"\w{3,}")
_LARGEST = 0x7FFFFFFE


def word_numbers(text: str) -> Array:
    """The different words of a text as numbers above 0, `[MOST_WORDS]`, then zeros."""
    found = dict.fromkeys(_WORD.findall(text.lower()))
    numbers = [1 + zlib.crc32(word.encode()) % _LARGEST for word in list(found)[:MOST_WORDS]]
    return np.array(numbers + [0] * (MOST_WORDS - len(numbers)), np.int32)


SECTIONS = 4
"""Of an item with more sections, so many are taken, evenly."""
FEWEST_WORDS = 8
"""A text of fewer is not cut into halves."""
TOGETHER = 64
"""Contents that are encoded at once."""
MOST_KNOWN = 4
"""Earlier spaces that are compared without being named."""


@dataclass(frozen=True, slots=True)
class _Sought:
    """A content that is to be encoded: of which of the items, for which side, with which label."""

    item: int
    content: Content
    role: Role
    label: str = ""


class Upgrading:
    """An `UpgradePort`."""

    def __init__(self, spaces: CollectionSpaces, index: StorePort, limits: Limits) -> None:
        self._spaces, self._index = spaces, index
        self._together = min(TOGETHER, limits.batch_items or TOGETHER)

    async def check(
        self, collection: str, *, space: str = "", labels: str = "", earlier: Sequence[str] = ()
    ) -> SpacePair:
        """See `UpgradePort`."""
        found, (*before, old, new) = await self._series(collection, space, earlier)
        by_old, by_new = (_read_by(one) for one in (old, new))
        by_both = [one for one in by_old if one in by_new]
        if not by_both:
            raise InvalidInput(
                f"the space {new.name!r} reads {', '.join(by_new)}, and the collection's space {old.name!r} "
                f"reads {', '.join(by_old)}: there is nothing that both encode",
                field="space",
            )
        if not labels and Modality.TEXT not in by_both:
            raise InvalidInput(
                f"both spaces read {', '.join(by_both)}: only texts are compared without labels; name the "
                "field of the items' metadata that says what they show",
                field="labels",
            )
        for place, one in enumerate(before):
            if not set(by_both) & set(_read_by(one)):
                raise InvalidInput(
                    f"the space {one.name!r} reads {', '.join(_read_by(one))}; the others read "
                    f"{', '.join(by_both)}",
                    field=at("earlier")[place],
                )
        return SpacePair(
            old.ref,
            old.width,
            new.ref,
            new.width,
            found.section_count,
            all(one.ref in new.compatible for one in (*before, old)),
            tuple(one.ref for one in before),
            found.item_count,
            *await self._index.stored.staying(collection, new.stays.get(old.ref, frozenset())),
        )

    async def sample(self, collection: str, most: int) -> list[str]:
        """See `UpgradePort`."""
        return await self._index.stored.sample(collection, most)

    async def encode(
        self,
        collection: str,
        ids: Sequence[str],
        *,
        space: str = "",
        labels: str = "",
        earlier: Sequence[str] = (),
        short: bool = False,
    ) -> Anchors:
        """See `UpgradePort`. Contents that a space refuses, or says nothing of, are left out."""
        _, series = await self._series(collection, space, earlier)
        sought: list[list[_Sought]] = []
        left_out = too_short = 0
        for place, item in enumerate(await self._index.stored.read(collection, ids)):
            if item is None:
                continue
            for section in _chosen(item.sections):
                made = _sought(place, item, section, labels)
                is_short = not labels and len(made) > 0 and not _is_cut(made)
                if made and (short or not is_short):
                    sought.append(made)
                else:
                    left_out, too_short = left_out + 1, too_short + is_short
        every = [one for group in sought for one in group]
        rows, took = [], 0.0
        for one in series:
            begun = time.monotonic()
            rows.append(await self._encoded(one, every))
            took = time.monotonic() - begun
        each = 1 if labels else WITH_HALVES
        is_there = np.all([one.any(axis=1) for one in rows], axis=0).reshape(-1, each).all(axis=1)
        kept = np.repeat(is_there, each)
        there = [group for group, keep in zip(sought, is_there, strict=True) if keep]
        return Anchors(
            rows[-2][kept],
            rows[-1][kept],
            np.array([one.item for one in every], np.int64)[kept],
            [one.label for one, keep in zip(every, kept, strict=True) if keep] if labels else (),
            left_out + int((~is_there).sum()),
            took * _share_of_wholes(sought),
            tuple(one[kept] for one in rows[:-2]),
            None if labels else _words(there),
            None if labels else np.array([*map(_is_cut, there)], bool),
            too_short,
        )

    async def encode_queries(
        self, collection: str, texts: Sequence[str], *, space: str = "", earlier: Sequence[str] = ()
    ) -> Asked:
        """See `UpgradePort`."""
        _, series = await self._series(collection, space, earlier)
        sought = [
            _Sought(place, Content(Modality.TEXT, text), Role.QUERY) for place, text in enumerate(texts)
        ]
        rows = [await self._encoded(one, sought) for one in series]
        for place in range(len(texts)):
            if not all(side[place].any() for side in rows):
                raise InvalidInput("a space says nothing of this query", field=at("queries")[place]["text"])
        return Asked(rows[-2], rows[-1], tuple(rows[:-2]))

    def folder(self, collection: str) -> Path:
        """See `UpgradePort`."""
        return self._index.stored.upgrades(collection)

    async def _series(
        self, collection: str, space: str, earlier: Sequence[str]
    ) -> tuple[StoredCollection, list[CollectionSpace]]:
        """The collection with its spaces, the oldest first: earlier ones, its own, and that of the upgrade.

        Where no earlier one is named, they are those served before its own that the new one names. NotFound
        where one is not served; InvalidInput where one is there twice.
        """
        found = await to_change(self._index, collection, UPGRADING)
        new = self._spaces.to_reindex(found, space)
        old = await self._spaces.space_of(found, Deadline.after(LOADING_SECONDS))
        refuse_where_arrived(found, new, self._spaces.names)
        before: list[CollectionSpace] = []
        if not earlier and old.ref in new.compatible:
            known = new.compatible[: new.compatible.index(old.ref)][-MOST_KNOWN:]
            before = [one for ref in known if (one := self._spaces.served(ref)) is not None]
        for place, name in enumerate(earlier):
            one = self._spaces.to_reindex(found, name)
            if one.ref in [old.ref, new.ref, *(other.ref for other in before)]:
                raise InvalidInput(
                    f"the space {one.name!r} is in the series already", field=at("earlier")[place]
                )
            before.append(one)
        return found, [*before, old, new]

    async def _encoded(self, space: CollectionSpace, sought: Sequence[_Sought]) -> Array:
        """Unit rows `[n, width]`, zeros for what the space refuses or says nothing of."""
        rows = np.zeros((len(sought), space.width), np.float32)
        for role in Role:
            places = [place for place, one in enumerate(sought) if one.role is role]
            for begin in range(0, len(places), self._together):
                batch = places[begin : begin + self._together]
                await _encode(space, role, [sought[place].content for place in batch], batch, rows)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        usable = np.isfinite(norms) & (norms > 0)
        return np.where(usable, rows / np.where(usable, norms, 1), 0).astype(np.float32)


def halves(text: str) -> tuple[str, str] | None:
    """The first and the second half of a text's words; None of one with fewer than `FEWEST_WORDS`."""
    words = text.split()
    if len(words) < FEWEST_WORDS:
        return None
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])


def _chosen(sections: Sequence[Section]) -> list[Section]:
    places = np.linspace(0, len(sections) - 1, min(SECTIONS, len(sections))).round().astype(np.int64)
    return [sections[place] for place in places]


def _read_by(space: CollectionSpace) -> list[Modality]:
    return [one for one in Modality if space.readers(one)]


def _sought(place: int, item: Item, section: Section, labels: str) -> list[_Sought]:
    """What a section gives: itself where it has a label, else its text with its halves; nothing else."""
    content = section.content
    if content is None:
        return []
    if labels:
        label = item.metadata.get(labels)
        if not isinstance(label, str | int | float):
            return []
        return [_Sought(place, content, Role.DOCUMENT, str(label))]
    if not isinstance(content.data, str):
        return []
    cut = halves(content.data) or (content.data, content.data)
    given = zip((*cut, content.data), (Role.QUERY, Role.DOCUMENT, Role.DOCUMENT), strict=True)
    return [_Sought(place, Content(Modality.TEXT, text), role) for text, role in given]


def _words(sought: Sequence[Sequence[_Sought]]) -> Array:
    """Those of whole texts, which are the last ones of what is encoded of them."""
    rows = [word_numbers(str(group[-1].content.data)) for group in sought]
    return np.stack(rows) if rows else np.zeros((0, MOST_WORDS), np.int32)


def _share_of_wholes(sought: Sequence[Sequence[_Sought]]) -> float:
    """How much of what is encoded are whole contents: by their length, where texts are there in parts."""
    lengths = [[len(str(one.content.data)) for one in group] for group in sought if len(group) > 1]
    return sum(one[-1] for one in lengths) / max(1, sum(map(sum, lengths))) if lengths else 1.0


def _is_cut(group: Sequence[_Sought]) -> bool:
    """Whether a text is in halves."""
    return group[0].content != group[-1].content


async def _encode(
    space: CollectionSpace, role: Role, contents: Sequence[Content], places: Sequence[int], rows: Array
) -> None:
    """Writes the vectors of contents into the rows at these places."""
    encoded = await space.encoders[role].encode(
        contents, Stopwatch(), truncation=Truncation.END, deadline=NO_DEADLINE, role=role
    )
    for error in encoded.failed.values():
        raise error
    whole = [
        number
        for number, (found, refused) in enumerate(zip(encoded.encodings, encoded.refused, strict=True))
        if found and not refused
    ]
    if not whole:
        return
    parts = [[FusePart(encoding) for encoding in encoded.encodings[number]] for number in whole]
    reply = await space.router.fuse(FuseRequest(parts, role=role), NO_CALL)
    for number, fused in zip(whole, reply.results, strict=True):
        if isinstance(fused, Fused):
            rows[places[number]] = fused.vector.values
