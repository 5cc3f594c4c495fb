"""Pairs that a user has: a text, and the photo, sound, point cloud or other text with the same meaning.

Some are left out of every fit, so that what is measured on them was not learned.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput
from tieback.training.splits import Split, split_off

HELD_OUT, FEWEST_TO_HOLD_OUT = 0.2, 20
"""Of so many pairs a fifth is measured on; fewer are all fitted with."""
VALIDATION = 0.1
"""Share of them that methods are chosen by, where pairs are all that there is to choose by."""


def split_pairs(count: int, seed: int) -> Split:
    """Places among the user's pairs of a modality, shuffled by the seed."""
    shares = (HELD_OUT, VALIDATION) if count >= FEWEST_TO_HOLD_OUT else (0.0, 0.0)
    held_out, validation = (round(share * count) for share in shares)
    return split_off(count, held_out, validation, seed)


OTHERS = {
    "image": Modality.IMAGE,
    "audio": Modality.AUDIO,
    "points": Modality.POINTS,
    "same": Modality.TEXT,
}
"""What a text may be paired with, by its name in the list."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A line of the user's: a text, and the photo, sound, point cloud or other text with the same meaning.

    `place` is where it stands, for errors.
    """

    place: str
    text: str
    other: Path | str
    modality: Modality

    def wrong(self, fault: str) -> InvalidInput:
        """The error that this line is wrong."""
        return _wrong(self.place, fault)


def read_pairs(path: Path) -> list[Pair]:
    """The user's anchors: one JSON object a line, with "text" and one of "image", "audio", "points"
    and "same".

    "image", "audio" and "points" are files, relative to the list's own folder; "same" is another text.
    InvalidInput, its field "anchors", names the first line that is wrong.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path} of anchors", field="anchors")
    pairs: list[Pair] = []
    places: dict[tuple[str, str], int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        pair = _pair(path.parent, f"{path.name}, line {number}", line)
        same = places.setdefault((pair.text, str(pair.other)), number)
        if same != number:
            raise pair.wrong(f"this is the pair of line {same} again; give each once")
        pairs.append(pair)
    if not pairs:
        raise InvalidInput(f"{path.name} holds no anchors", field="anchors")
    return pairs


def _pair(folder: Path, place: str, line: str) -> Pair:
    def no_number(word: str) -> Any:
        raise ValueError(f"{word} is no value of an anchor")

    try:
        said = json.loads(line, parse_constant=no_number)
    except ValueError as error:
        raise _wrong(place, f"this is not JSON that can be read: {error}") from None
    given = [name for name in OTHERS if name in said] if isinstance(said, dict) else []
    if len(given) != 1 or set(said) != {"text", given[0]}:
        raise _wrong(
            place, 'an anchor has "text" and one of "image", "audio", "points" and "same", and no more'
        )
    text, other = said["text"], said[given[0]]
    if not all(isinstance(one, str) and one.strip() for one in (text, other)):
        raise _wrong(place, "both sides of an anchor are strings that are not empty")
    modality = OTHERS[given[0]]
    if modality is Modality.TEXT:
        return Pair(place, text, other, modality)
    file = (folder / other).resolve()
    if not file.is_file():
        raise _wrong(place, f"there is no file {other}")
    return Pair(place, text, file, modality)


def _wrong(place: str, fault: str) -> InvalidInput:
    return InvalidInput(f"{place}: {fault}", field="anchors")
