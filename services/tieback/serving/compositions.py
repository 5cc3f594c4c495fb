"""Which learned compositions of queries a server serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.models.learned_composition import LearnedComposition


def served_compositions(
    folders: Sequence[str], served: Sequence[EncoderCard]
) -> tuple[LearnedComposition, ...]:
    """What TIEBACK_COMPOSITIONS names.

    StartupError where one is absent, is of encoders that are not `served`, or has the name of another.
    """
    found: dict[str, LearnedComposition] = {}
    for folder in folders:
        path = Path(folder).expanduser().absolute()
        try:
            one = LearnedComposition.load(path, served)
        except StartupError as error:
            raise StartupError(f"TIEBACK_COMPOSITIONS: {error.message}") from error
        if one.name in found:
            raise StartupError(
                f"TIEBACK_COMPOSITIONS: two compositions are named {one.name!r}; train one with another name"
            )
        found[one.name] = one
    return tuple(found.values())
