"""What a replica says of its load with every answer: one line of trailing metadata, read by whoever chooses.

It goes along on the platform's inner side and on direct ports, where the caller chooses between replicas; the
public door says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieback.core.types.load import Load

KEY = "tieback-load"


def write_load(load: Load) -> tuple[str, str]:
    """The metadata of a load: tokens that wait, the measured tokens per second (0 before any was), and the
    share of contents that were known lately.
    """
    return KEY, f"{load.queued_tokens} {load.tokens_per_second:.1f} {load.known_share:.2f}"


def read_load(metadata: Iterable[tuple[str, str | bytes]] | None) -> tuple[int, float, float] | None:
    """What `write_load` wrote; None where the answer says nothing of it."""
    for key, value in metadata or ():
        if key == KEY and isinstance(value, str):
            tokens, rate, known_share = value.split(" ")
            return int(tokens), float(rate), float(known_share)
    return None
