"""Splits sections whose text is longer than a space's window, so that every space reads all of it.

Each space splits by its own tokens, the space with the smallest window first. The next space checks the
pieces and rarely has to split again. White space that fills a whole window is in no piece. Every piece leaves
room for the heading that is encoded with it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from tieback.answer.ingesting.headings import headed, heading_of, titles_of
from tieback.core.alone import Alone
from tieback.core.call import Call, once_there_is_room
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.text.spans import check_span
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.encoding import SplitPiece, SplitReply, SplitTextsRequest
from tieback.ports import TOO_MANY_PIECES, EncoderPort

LONGEST_ID = 512 - 8
"""Bytes of a section's id that its pieces' ids begin with."""

INLINE_CHARACTERS = 16_384
"""Texts of so many characters together are dealt with at once: a change of threads would take longer."""

ANY_WORD = "text"
"""A text for a space whose window is not known yet."""

ROUNDS = 3
"""How often all spaces are asked at most: what one cuts, those before it have not seen."""

LINE = re.compile(r"(#L|&row=)(\d{1,9})$")
"""The end of a URI that names a line of a file, or a row of a sheet, which is a line of its text."""


@dataclass(slots=True)
class Piece:
    """A text, the byte of the section's text at which it begins, and the spaces that read it to its end.

    `titles` are what it stands under. `cut` are the smaller ones that are to take its place; `is_whole` says
    that it is all of its section, `has_too_many` that it has more pieces than a space can name.
    """

    text: str
    titles: tuple[str, ...] = ()
    begin: int = 0
    read_by: set[str] = field(default_factory=set)
    is_whole: bool = True
    has_too_many: bool = False
    cut: list[Piece] | None = None

    @property
    def read(self) -> str:
        """What a space reads of it."""
        return headed(self.titles, self.text)

    @property
    def heading(self) -> str:
        """What is read before its parts: only the first may begin with a title itself."""
        return heading_of(self.titles)


Texts = dict[tuple[int, int], list[Piece]]
"""The pieces by the item and the section that they are of."""

Result = Sequence[SplitPiece] | TiebackError
"""The result of a space for a piece: the parts that fit its window."""

T = TypeVar("T")


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
        texts: Texts = {
            (number, place): [Piece(section.content.data, titles_of(item, section))]
            for number, item in enumerate(items)
            for place, section in enumerate(item.sections)
            if section.content is not None and isinstance(section.content.data, str)
        }
        characters = sum(len(pieces[0].read) for pieces in texts.values())
        for space in spaces:
            if texts and space not in self._windows:  # the order, and with it the pieces, depend on it
                await self._cut(space, {(0, 0): [Piece(ANY_WORD)]}, deadline)
        for _ in range(ROUNDS):
            for space in sorted(spaces, key=lambda space: self._windows.get(space, 0)):
                await self._cut(space, texts, deadline)
            if all(len(piece.read_by) == len(spaces) for pieces in texts.values() for piece in pieces):
                break
        return await _beside(characters, lambda: self._put_together(items, texts))

    async def _cut(self, space: str, texts: Texts, deadline: Deadline) -> None:
        """Replaces pieces that the space does not read to their end by smaller ones."""
        window = self._windows.get(space)
        asked: list[Piece] = []
        for pieces in texts.values():
            for piece in pieces:
                if _surely_fits(piece.read, window):
                    piece.read_by.add(space)
                elif space not in piece.read_by:
                    asked.append(piece)
        async for batch, reply in self._asked(space, asked, lambda piece: piece.read, deadline):
            self._windows[space] = reply.window
            long: list[Piece] = []
            rest: list[tuple[Piece, Result]] = []
            for piece, result in zip(batch, reply.results, strict=True):
                if piece.titles and not isinstance(result, TiebackError) and len(result) > 1:
                    long.append(piece)
                else:
                    rest.append((piece, result))
            await _take(space, rest)
            await self._cut_below_headings(space, long, reply.window, deadline)
        for pieces in texts.values():
            if any(piece.cut is not None for piece in pieces):
                smaller = [one for piece in pieces for one in ([piece] if piece.cut is None else piece.cut)]
                if smaller:
                    pieces[:] = smaller
                else:  # it has nothing that the space reads; the encoder says so
                    pieces[0].cut = None
                    pieces[0].read_by.add(space)

    async def _cut_below_headings(
        self, space: str, pieces: Sequence[Piece], window: int, deadline: Deadline
    ) -> None:
        """Cuts pieces that are too long with their headings, so that each part has room for its own."""
        tokens: dict[str, int] = {}
        headings = [Piece(one) for one in dict.fromkeys(one.heading for one in pieces)]
        async for batch, reply in self._asked(space, headings, lambda one: one.text, deadline):
            for one, result in zip(batch, reply.results, strict=True):
                tokens[one.text] = (
                    0 if isinstance(result, TiebackError) else sum(part.tokens for part in result)
                )
        rooms: dict[int, list[Piece]] = {}
        for piece in pieces:
            room = max(window - tokens[piece.heading], window // 2)
            rooms.setdefault(room, []).append(piece)
        for room, alike in rooms.items():
            async for batch, reply in self._asked(
                space, alike, lambda piece: piece.text, deadline, max_tokens=room
            ):
                await _take(space, list(zip(batch, reply.results, strict=True)))

    async def _asked(
        self,
        space: str,
        pieces: Sequence[Piece],
        text_of: Callable[[Piece], str],
        deadline: Deadline,
        max_tokens: int = 0,
    ) -> AsyncIterator[tuple[list[Piece], SplitReply]]:
        """What a space says of pieces, some at a time: half as many where the answer would be too long."""
        left = list(self._batches(pieces))[::-1]
        while left:
            batch = left.pop()
            try:
                texts = list(map(text_of, batch))
                asked = SplitTextsRequest(space, texts, max_tokens)
                split = functools.partial(self._encoder.split_texts, asked, Call(deadline))
                reply = await once_there_is_room(split, deadline)
            except InvalidInput as error:
                if error.reason != TOO_MANY_PIECES:
                    raise
                if len(batch) == 1:
                    batch[0].has_too_many = True
                    batch[0].read_by.add(space)
                else:
                    half = len(batch) // 2
                    left += [batch[half:], batch[:half]]
            else:
                yield batch, reply

    def _put_together(self, items: Sequence[Item], texts: Texts) -> Split:
        split = Split.nothing(items)
        for number, item in enumerate(items):
            with Alone(at("items", number)) as alone:
                self._put(split, number, item, texts)
            if alone.error is not None:
                split.errors[number] = alone.error
        return split

    def _batches(self, pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
        """Parts that keep the encoder's limits of items and, by half to leave room, of bytes."""
        most_items = self._limits.batch_items or len(pieces)
        most_bytes = self._limits.message_bytes // 2
        batch: list[Piece] = []
        size = 0
        for piece in pieces:
            length = len(piece.read) if piece.read.isascii() else 4 * len(piece.read)
            if batch and (len(batch) == most_items or (most_bytes and size + length > most_bytes)):
                yield batch
                batch, size = [], 0
            batch.append(piece)
            size += length
        if batch:
            yield batch

    def _put(self, split: Split, number: int, item: Item, texts: Texts) -> None:
        """Writes one item's sections into the result."""
        taken = {section.id for section in item.sections}
        sections: list[Section] = []
        places: list[int] = []
        for place, section in enumerate(item.sections):
            pieces = texts.get((number, place), ())
            if any(piece.has_too_many for piece in pieces):
                raise InvalidInput(
                    "the text becomes more pieces than a space names at once; send it as several sections",
                    field=at("sections", place, "content"),
                )
            if not pieces or pieces[0].is_whole:
                made = [section]
            else:
                check_span(section, field=at("sections", place, "span"))
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


def _surely_fits(text: str, window: int | None) -> bool:
    """Whether the space reads all of a text, as far as that is known without counting its tokens.

    A token of ASCII stands for a character at least; of others a tokenizer may first make several.
    """
    return window is not None and (window == 0 or (len(text) <= window and text.isascii()))


async def _take(space: str, found: Sequence[tuple[Piece, Result]]) -> None:
    """Records the result of the space for each piece; see `_note`."""
    characters = sum(len(piece.text) for piece, _ in found)
    await _beside(characters, functools.partial(_note, space, found))


def _note(space: str, found: Sequence[tuple[Piece, Result]]) -> None:
    """Notes what the space says of each piece: that it reads it, or where it is to be cut.

    What holds nothing that the space reads is left out beside others of its text: it would be refused.
    """
    for piece, result in found:
        if isinstance(result, TiebackError) or (len(result) == 1 and result[0].tokens):
            piece.read_by.add(space)
            continue
        data = piece.text.encode()
        parts = [(data[slice(*one.span)].decode(), one.span[0]) for one in result if one.tokens]
        piece.cut = [
            Piece(text, piece.titles, piece.begin + begin, {space}, is_whole=False)
            for text, begin in parts
            if text.strip()
        ]


async def _beside(characters: int, work: Callable[[], T]) -> T:
    """What the work gives; on a thread where it is about many characters, so that the event loop goes on."""
    return await asyncio.to_thread(work) if characters > INLINE_CHARACTERS else work()


def _sections(section: Section, pieces: Sequence[Piece], taken: set[str]) -> Iterator[Section]:
    """The sections of the pieces, the first with the section's own id; the others continue it."""
    first = 0 if section.span is None else section.span[0]
    base = section.id.encode()[:LONGEST_ID].decode(errors="ignore")
    name, count = section.id, 1
    for number, (piece, uri) in enumerate(zip(pieces, _uris(section, pieces), strict=True)):
        begin = first + piece.begin
        yield dataclasses.replace(
            section,
            id=name,
            content=Content(Modality.TEXT, piece.text),
            uri=uri,
            span=(begin, begin + len(piece.text.encode())),
            continues=section.continues or number > 0,
        )
        while name in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(name)


def _uris(section: Section, pieces: Sequence[Piece]) -> Iterator[str]:
    """The URI of each piece. One that ends in a line, as in "app.log#L12", gets the piece's own."""
    found = LINE.search(section.uri)
    if found is None or section.content is None or not isinstance(section.content.data, str):
        yield from itertools.repeat(section.uri, len(pieces))
        return
    data = section.content.data.encode()
    line, counted = int(found[2]), 0
    for piece in pieces:
        line += data.count(b"\n", counted, piece.begin)
        counted = max(counted, piece.begin)
        yield f"{section.uri[: found.end(1)]}{line}"
