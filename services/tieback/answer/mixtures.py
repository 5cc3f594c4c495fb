"""How much of an answer was read in which space, of a collection that is between two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tieback_contract.collections import Moving
from tieback_contract.hits import Mixture, ReadIn, RetrievedHit


def mixed(hits: Sequence[RetrievedHit], moving: Moving | None) -> Mixture | None:
    """How the hits were read, together.

    None of a collection in one space, and where all were found by words alone.
    """
    found = [one.hit for one in hits if one.hit.read_in]
    if moving is None or not found:
        return None
    count = Counter(hit.read_in for hit in found)
    trust = sum(1.0 if hit.trust is None else hit.trust for hit in found) / len(found)
    return Mixture(count[ReadIn.OLD], count[ReadIn.NEW], count[ReadIn.TRANSLATED], trust, moving.share)
