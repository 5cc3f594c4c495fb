"""Tunings of a peer: what its users choose for a model and a load, and what is swept to find its best.

A setting reaches the peer's configuration where it has one, and `programs/bare_encoder.py` by environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """`batch` texts at most are run together, of those that the server's batcher hands over at once.

    The batcher waits `window` seconds for up to `gathered` requests. What is handed over is run in the order
    of arrival, or with `sorts` by length, so that little is padded. `queue` is how many requests may wait,
    and `deadline` the seconds after which one that waits is given up; 0 where there is no limit.
    """

    batch: int = 32
    gathered: int = 32
    window: float = 0.002
    sorts: bool = False
    queue: int = 0
    deadline: float = 0.0

    @property
    def name(self) -> str:
        """As tables show it."""
        order = "sorted by length" if self.sorts else "in order of arrival"
        return f"batches of {self.batch} {order}, of {self.gathered} gathered within {1e3 * self.window:g} ms"

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which the peers' programs find it."""
        return {
            "PEER_BATCH": str(self.batch),
            "PEER_GATHERED": str(self.gathered),
            "PEER_WINDOW": repr(self.window),
            "PEER_SORTS": str(int(self.sorts)),
            "PEER_QUEUE": str(self.queue),
            "PEER_DEADLINE": repr(self.deadline),
        }


# From one text at a time, which pads nothing, to the batches of the servers' own examples; and the two
# windows that short and long texts want. The bare loop's best policies are sorted batches of few texts.
TUNINGS: Sequence[Tuning] = (
    Tuning(batch=32),
    Tuning(batch=8),
    Tuning(batch=1),
    Tuning(batch=8, gathered=64, sorts=True),
    Tuning(batch=16, gathered=128, window=0.01, sorts=True),
)
QUICK: Sequence[Tuning] = (TUNINGS[0], TUNINGS[3])


def distinct(tunings: Sequence[Tuning], *, batch_alone: bool) -> list[Tuning]:
    """Those that differ to a server; one that sorts by itself and has no window knows the batch alone."""
    found: dict[object, Tuning] = {}
    for one in tunings:
        found.setdefault(one.batch if batch_alone else one, one)
    return list(found.values())
