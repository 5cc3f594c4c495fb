"""Sections whose text is longer than a space reads become several, so that every space reads all of it.

Each space says by its own tokens where to cut, the one that reads least first; what it made is then asked of
the next, which rarely has to cut again. White space that fills a window by itself is in no piece.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.spans import check_span
from tieback.core.types import Content, Item, Limits, Modality, Section, TextPiece
from tieback.ports import EncoderPort

LONGEST_ID = 512 - 8
"""Bytes of a section's id that its pieces' ids begin with."""

ROUNDS = 3
"""How often all spaces are asked at most: what one cuts, those before it have not seen."""


@dataclass(slots=True)
class Piece:
    """A text, the byte of the section's text at which it begins, and the spaces that read it to its end."""

    text: str
    begin: int = 0
    read_by: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Split:
    """Items as they will be stored.

    `places[i][k]` is the place in the request of section `k` of item `i`. `split` counts the sections of each
    item that were split.
    """

    items: list[Item]
    places: list[list[int]]
    split: list[int]
    errors: dict[int, TiebackError] = field(default_factory=dict)

    @classmethod
    def nothing(cls, items: Sequence[Item]) -> Split:
        """All as it came."""
        return cls(list(items), [list(range(len(item.sections))) for item in items], [0] * len(items))

    def added(self, number: int) -> int:
        """Sections of an item that are there beside those that were sent."""
        places = self.places[number]
        return len(places) - len(set(places))


class Splitting:
    """Asks the spaces where to cut, and makes the sections."""

    def __init__(self, encoder: EncoderPort, limits: Limits) -> None:
        self._encoder = encoder
        self._limits = limits
        self._windows: dict[str, int] = {}  # as the spaces said last

    async def split(self, items: Sequence[Item], spaces: Sequence[str], deadline: Deadline) -> Split:
        """The items for these spaces of text. A space that is down fails the call.

        An item gets an error where a section's span is not that of its text, and where it would have more
        sections than an item may have. What else is wrong with a text is left for the encoders to say.
        """
        split = Split.nothing(items)
        texts: dict[tuple[int, int], list[Piece]] = {}
        for number, item in enumerate(items):
            for place, section in enumerate(item.sections):
                if section.content is not None and isinstance(section.content.data, str):
                    texts[number, place] = [Piece(section.content.data)]
        for _ in range(ROUNDS):
            for space in sorted(spaces, key=lambda space: self._windows.get(space, 0)):
                await self._cut(space, list(texts.values()), deadline)
            if all(len(piece.read_by) == len(spaces) for pieces in texts.values() for piece in pieces):
                break
        for number, item in enumerate(items):
            try:
                self._put(split, number, item, texts)
            except InvalidInput as error:
                split.errors[number] = error.within(f"items[{number}]")
        return split

    async def _cut(self, space: str, texts: list[list[Piece]], deadline: Deadline) -> None:
        """Replaces pieces that the space does not read to their end by smaller ones.

        Those that hold nothing that it reads are left out beside others of their text: it would refuse them.
        """
        window = self._windows.get(space)
        asked: list[tuple[list[Piece], int]] = []
        for pieces in texts:
            for place, piece in enumerate(pieces):
                if _surely_fits(piece.text, window):
                    piece.read_by.add(space)
                elif space not in piece.read_by:
                    asked.append((pieces, place))
        answers: list[list[Piece]] = []
        for batch in self._batches([pieces[place].text for pieces, place in asked]):
            reply = await self._encoder.split(space, batch, deadline=deadline)
            self._windows[space] = reply.window
            for text, result in zip(batch, reply.results, strict=True):
                answers.append(_cut_up(text, result, space))
        # From the last to the first, so that the places of those before stay as they are.
        for (pieces, place), found in zip(reversed(asked), reversed(answers), strict=True):
            begin = pieces[place].begin
            for piece in found:
                piece.begin += begin
            if found or len(pieces) > 1:
                pieces[place : place + 1] = found
            else:
                pieces[place].read_by.add(space)

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Parts that keep the encoder's limits of items and, by half to leave room, of bytes."""
        most_items = self._limits.batch_items or len(texts)
        most_bytes = self._limits.message_bytes // 2
        batch: list[str] = []
        size = 0
        for text in texts:
            length = len(text) if text.isascii() else 4 * len(text)
            if batch and (len(batch) == most_items or (most_bytes and size + length > most_bytes)):
                yield batch
                batch, size = [], 0
            batch.append(text)
            size += length
        if batch:
            yield batch

    def _put(self, split: Split, number: int, item: Item, texts: dict[tuple[int, int], list[Piece]]) -> None:
        """Writes one item's sections into the result."""
        taken = {section.id for section in item.sections}
        sections: list[Section] = []
        places: list[int] = []
        for place, section in enumerate(item.sections):
            pieces = texts.get((number, place), ())
            if len(pieces) == 0 or (len(pieces) == 1 and pieces[0].text == _text_of(section)):
                made = [section]
            else:
                check_span(section, field=f"sections[{place}].span")
                made = list(_sections(section, pieces, taken))
                split.split[number] += 1
            sections += made
            places += [place] * len(made)
        most = self._limits.sections
        if split.split[number] and most and len(sections) > most:
            raise InvalidInput(
                f"split for the spaces that read it, the item has {len(sections)} sections; the limit is "
                f"{most}: send it as several items",
                field="sections",
            )
        split.items[number] = dataclasses.replace(item, sections=sections)
        split.places[number] = places


def _text_of(section: Section) -> object:
    return section.content.data if section.content is not None else None


def _surely_fits(text: str, window: int | None) -> bool:
    """Whether the space reads all of a text, as far as that is known without counting its tokens.

    A token of ASCII stands for a character at least; of others a tokenizer may first make several.
    """
    return window is not None and (window == 0 or (len(text) <= window and text.isascii()))


def _cut_up(text: str, result: Sequence[TextPiece] | TiebackError, space: str) -> list[Piece]:
    """The pieces that hold something that the space reads; of a text that it refuses, the whole."""
    if isinstance(result, TiebackError):
        return [Piece(text, 0, {space})]
    data = text.encode()
    found = [
        Piece(data[slice(*piece.span)].decode(), piece.span[0], {space}) for piece in result if piece.tokens
    ]
    return [piece for piece in found if piece.text.strip()]


def _sections(section: Section, pieces: Sequence[Piece], taken: set[str]) -> Iterator[Section]:
    """The sections of the pieces, the first with the section's own id."""
    first = 0 if section.span is None else section.span[0]
    base = section.id.encode()[:LONGEST_ID].decode(errors="ignore")
    name, count = section.id, 1
    for piece in pieces:
        begin = first + piece.begin
        span = (begin, begin + len(piece.text.encode()))
        yield dataclasses.replace(section, id=name, content=Content(Modality.TEXT, piece.text), span=span)
        while name in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(name)
