"""Which learned conditions a server serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.models.conditional_space import ConditionalSpace


def served_conditions(folders: Sequence[str], served: Sequence[EncoderCard]) -> tuple[ConditionalSpace, ...]:
    """What TIEBACK_CONDITIONS names.

    StartupError where one is absent, is of an encoder that is not `served`, or has a condition that another
    has for the same encoder.
    """
    found: list[ConditionalSpace] = []
    known: set[tuple[str, str]] = set()
    for folder in folders:
        try:
            one = ConditionalSpace.load(Path(folder).expanduser().absolute(), served)
        except StartupError as error:
            raise StartupError(f"TIEBACK_CONDITIONS: {error.message}") from error
        for name in one.conditions:
            if (one.encoder, name) in known:
                raise StartupError(
                    f"TIEBACK_CONDITIONS: {name!r} of {one.encoder} is learned twice; name one of the folders"
                )
            known.add((one.encoder, name))
        found.append(one)
    return tuple(found)
