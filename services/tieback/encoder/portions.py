"""A request in portions: contents that are prepared together, and run without waiting for the others."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from tieback.core.types.content import Content, TokenNumbers
from tieback.models.encoder_model import Weight

INLINE_CHARACTERS = 256
"""Texts of so many characters together are tokenised at once: a change of threads would take longer."""

SHORT_CHARACTERS = 16_384
"""Texts of so many characters together are one portion, some 20 ms. A longer text is one by itself, and goes
with pictures and sounds, so that it keeps no short one waiting."""

BYTES_PER_TOKEN = 4
"""Of English text, for the estimate that admission takes before a text is tokenised."""

BYTES_PER_CHARACTER = 512
"""What a tokenizer takes for a character at most while it works, as measured of dots."""

UNKNOWN_SIZE = 1 << 20
"""Assumed bytes of a content that is not a text, if the model does not estimate them."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Contents by their places in the request; about how many tokens they have, and bytes while prepared.

    `is_heavy` means that it is prepared beside pictures and within the budget of decoded bytes.
    """

    places: Sequence[int]
    tokens: int
    size: int
    is_heavy: bool


def portions_of(
    contents: Sequence[Content], weights: Mapping[int, Weight], without: Container[int]
) -> list[Portion]:
    """All contents but those at the places `without`: each heavy one alone, short texts in groups."""
    portions: list[Portion] = []
    group: list[int] = []
    characters = 0

    def close() -> None:
        if group:
            portions.append(_of_texts(group, characters, is_heavy=False))
            group.clear()

    for place, content in enumerate(contents):
        if place in without:
            continue
        length = characters_of(content)
        if length is None:
            weight = weights.get(place) or Weight(1, UNKNOWN_SIZE)
            portions.append(Portion((place,), weight.tokens, weight.size, True))
        elif length > SHORT_CHARACTERS:
            portions.append(_of_texts([place], length, is_heavy=True))
        else:
            if characters + length > SHORT_CHARACTERS:
                close()
                characters = 0
            group.append(place)
            characters += length
    close()
    return portions


def _of_texts(places: Sequence[int], characters: int, *, is_heavy: bool) -> Portion:
    tokens = characters // BYTES_PER_TOKEN + len(places)
    return Portion(tuple(places), tokens, characters * BYTES_PER_CHARACTER, is_heavy)


def is_quick(contents: Sequence[Content]) -> bool:
    """Whether preparing them is less work than handing them to a thread."""
    characters = 0
    for content in contents:
        length = characters_of(content)
        if length is None:
            return False
        characters += length
    return characters <= INLINE_CHARACTERS


def characters_of(content: Content) -> int | None:
    """The length of a text, or of its tokens; None for what is no text."""
    if isinstance(content.data, str):
        return len(content.data)
    return len(content.data.ids) if isinstance(content.data, TokenNumbers) else None
