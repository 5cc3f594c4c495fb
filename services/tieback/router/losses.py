"""The expected loss of a missing space, as measured at binding."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tieback.router.contents import Contents

MOST = 100.0


def expected_loss(
    losses: Mapping[str, Mapping[str, float]], contents: Contents, missing: Collection[str]
) -> float:
    """Points of recall at 10 that the input loses without the missing spaces; 0 where none is known.

    Each space's loss was measured with all others there. For several they are added, up to 100: too little
    where they could replace each other, too much where they hold the same. Contents count by share.
    """
    if not missing:
        return 0.0
    total = 0.0
    for content, modality in contents.modalities.items():
        of_modality = losses.get(modality, {})
        lost = sum(max(of_modality.get(space, 0.0), 0.0) for space in missing)
        total += contents.shares[content] * min(lost, MOST)
    return total
