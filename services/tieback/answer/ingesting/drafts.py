"""Sections on their way into the index."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.encodings import Encoding, Label, Truncated
from tieback_contract.field_path import at
from tieback_contract.fusion import FusePart
from tieback_contract.limits import Limits
from tieback_contract.locators import Locators
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText
from tieback_contract.vectors import MultiVector, Vector

from tieback.answer.ingesting.headings import with_heading
from tieback.answer.ingesting.splitting import Split
from tieback.answer.spaces.encoding import REGIONS as MULTI_VECTOR
from tieback.answer.spaces.encoding import JointInputs, SpaceEncoders, cut_off
from tieback.answer.stopwatch import Stopwatch
from tieback.core.alone import Alone
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.content import Content, Section
from tieback.core.types.encoding import Truncation
from tieback.ports import EncoderPort
from tieback.token_spaces import TokenSpace

TOGETHER = 1024
"""Sections that are encoded and written at once, where items have fewer: a bound on messages and memory."""

TOGETHER_BY_TOKENS = 128
"""As many where vectors of their tokens are stored too, of which a section has some hundred."""


@dataclass(slots=True)
class Draft:
    """A section on its way into the index; `item` and `place` are its places in the request.

    `content` is what is encoded: a text with its heading, which has so many bytes. `recognised` is what is
    written in a picture or said in a sound, where that is read.
    """

    item: int
    place: int
    content: Content
    encodings: Sequence[FusePart] = ()
    vector: Vector | None = None
    labels: Sequence[Label] = ()
    regions: MultiVector | None = None
    heading: int = 0
    tokens: MultiVector | None = None
    recognised: RecognisedText | None = None

    @property
    def cut_off(self) -> Mapping[str, Truncated]:
        """What spaces did not read of it."""
        return cut_off(part.encoding for part in self.encodings)

    def blame(self, error: TiebackError) -> TiebackError:
        """The error, with the path of this section's content in the request."""
        return error.within(at("items", self.item, "sections", self.place, "content"))


def drafts_of(split: Split, errors: dict[int, TiebackError]) -> Iterator[Draft]:
    """The sections of items that are whole; adds an error for each that is not."""
    for number, item in enumerate(split.items):
        if not item.sections:
            errors[number] = InvalidInput(
                "an item needs at least one section", field=at("items", number, "sections")
            )
        for place, section in zip(split.places[number], item.sections, strict=True):
            if section.content is None:
                errors.setdefault(
                    number,
                    InvalidInput(
                        "a section needs a content", field=at("items", number, "sections", place, "content")
                    ),
                )
    for number, item in enumerate(split.items):
        for place, section in zip(split.places[number], item.sections, strict=True):
            made: list[Draft] = []
            with Alone(at("items", number)) as alone:
                content = with_heading(item, section)
                if number not in errors and content is not None:
                    made.append(Draft(number, place, content, heading=_heading_bytes(section, content)))
            if alone.error is not None:
                errors.setdefault(number, alone.error)
            yield from made


def _heading_bytes(section: Section, read: Content) -> int:
    """How many bytes were put before a section's text."""
    own = None if section.content is None else section.content.data
    if own is read.data or not isinstance(own, str) or not isinstance(read.data, str):
        return 0
    return len(read.data[: len(read.data) - len(own)].encode())


def groups_of(drafts: Sequence[list[Draft]], *, by_tokens: bool) -> Iterator[list[list[Draft]]]:
    """The items' drafts in order: of one item, or of several with at most so many sections."""
    together = TOGETHER_BY_TOKENS if by_tokens else TOGETHER
    group: list[list[Draft]] = []
    sections = 0
    for own in drafts:
        if group and sections + len(own) > together:
            yield group
            group, sections = [], 0
        group.append(own)
        sections += len(own)
    yield group


async def token_vectors(
    encoder: EncoderPort,
    space: TokenSpace,
    contents: Sequence[Content],
    watch: Stopwatch,
    limits: Limits,
    deadline: Deadline,
) -> list[MultiVector | None]:
    """Those of each text, which is read as far as the space reads; None where it finds no token.

    Raises what is wrong with the space as a whole.
    """
    inputs = JointInputs({Modality.TEXT: (space.encoder,)}, {space.encoder: MULTI_VECTOR})
    encoded = await SpaceEncoders(encoder, inputs, limits).encode(
        contents, watch, truncation=Truncation.END, deadline=deadline
    )
    for error in encoded.failed.values():
        raise error
    return [found[0].multi_vector if found else None for found in encoded.encodings]


def taken_out(encodings: Sequence[Encoding], space: TokenSpace) -> tuple[list[Encoding], MultiVector | None]:
    """The encodings of a text without token vectors, and those of the space."""
    multi = next((one.multi_vector for one in encodings if one.space == space.ref), None)
    return [dataclasses.replace(one, multi_vector=None) for one in encodings], multi


def below_heading(multi: MultiVector, heading: int, most: int) -> MultiVector:
    """The first `most` vectors of a text that was read below a heading of so many bytes; 0 for all of them.

    Their spans are of the text: those of the heading are empty.
    """
    spans = np.maximum(multi.locators.places - heading, 0)
    whole = MultiVector(multi.values, multi.space, Locators(multi.locators.kind, spans))
    return whole.take(slice(most)) if most and len(whole) > most else whole
