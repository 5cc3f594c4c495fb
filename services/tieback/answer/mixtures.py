"""How much of an answer was read in which space, of a collection that is between two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tieback.core.types.moving import Mixture, Moving, ReadIn
from tieback.core.types.retrieval import RetrievedHit


def mixed(hits: Sequence[RetrievedHit], moving: Moving | None) -> tuple[list[RetrievedHit], Mixture | None]:
    """The hits with the trust in each, and what they are together.

    None of a collection in one space, and where all were found by words alone.
    """
    if moving is None or all(one.hit.read_in is None for one in hits):
        return [*hits], None
    found = [_trusted(hit, moving) for hit in hits]
    count = Counter(one.hit.read_in for one in found)
    trusts = [one.hit.trust for one in found if one.hit.trust is not None]
    trust = sum(trusts) / len(trusts) if trusts else 1.0
    return found, Mixture(count[ReadIn.OLD], count[ReadIn.NEW], count[ReadIn.TRANSLATED], trust, moving.share)


def _trusted(found: RetrievedHit, moving: Moving) -> RetrievedHit:
    read_in = found.hit.read_in
    if read_in is None:  # found by its words alone
        return found
    if read_in is ReadIn.OLD and moving.translation:
        read_in = ReadIn.TRANSLATED
    trust = moving.trust if read_in is ReadIn.TRANSLATED else 1.0
    return replace(found, hit=replace(found.hit, read_in=read_in, trust=trust))
