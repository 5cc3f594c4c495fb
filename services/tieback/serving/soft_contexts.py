"""Which learned compressions of contexts a server serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.core.errors import StartupError
from tieback.models.soft_context import SoftContext


def served_soft_contexts(
    folders: Sequence[str], text_space: Sequence[EncoderCard], generators: Sequence[GeneratorCard]
) -> tuple[SoftContext, ...]:
    """What TIEBACK_SOFT_CONTEXTS names, for the `text_space` that reads evidence and the `generators`.

    StartupError where one is absent, is of other models than these, or has the name of another, and where two
    are of demonstrations.
    """
    found: dict[str, SoftContext] = {}
    for folder in folders:
        path = Path(folder).expanduser().absolute()
        try:
            one = SoftContext.load(path, text_space, generators)
        except StartupError as error:
            raise StartupError(f"TIEBACK_SOFT_CONTEXTS: {error.message}") from error
        if one.name in found:
            raise StartupError(
                f"TIEBACK_SOFT_CONTEXTS: two contexts are named {one.name!r}; train one with another name"
            )
        others = [other.name for other in found.values() if other.is_of_demonstrations]
        if one.is_of_demonstrations and others:
            raise StartupError(
                f"TIEBACK_SOFT_CONTEXTS: {others[0]} and {one.name} both compress demonstrations; "
                "name one of them"
            )
        found[one.name] = one
    return tuple(found.values())
