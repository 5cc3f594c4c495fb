"""Whether an upgrade is advised, and by which way, from what was measured."""

from __future__ import annotations

from enum import StrEnum

from tieback.operations.upgrade_worth import Measured, Worth

LEAST_GAIN = 0.005
"""Of nDCG@10: a re-embedding that gains less is not worth its cost."""
FLOOR = 0.8
"""The share of re-embedded nDCG that a translation has to keep, where a request names none."""


class Advice(StrEnum):
    """What to do."""

    KEEP = "keep"
    """Stay in the old space."""
    REEMBED = "reembed"
    """Encode again, and read both spaces meanwhile."""
    TRANSLATE = "translate"
    """Encode again; the old encoder is not needed meanwhile, since a transform stands for it well."""


def without_short(said: str, short: int, whole: int) -> str:
    """What is said of `whole` texts, with how many others are too short to take part in it."""
    if not short:
        return said
    return (
        f"{said}; {short} of {short + whole} texts have too few words to be cut into halves, and took no "
        "part: give judged queries, for which they count"
    )


def advised(
    old: Worth, native: Worth, gain: Measured, translation: tuple[str, Measured], floor: float
) -> tuple[Advice, str]:
    """What to do and why; `translation` is the best policy with its way, in words, and what that keeps."""
    said = f"re-embedded, nDCG@10 is {native.ndcg.value:.3f}; today it is {old.ndcg.value:.3f}"
    if gain.low <= 0 <= gain.high:
        said += (
            f" (the gain is {gain.low:+.3f} to {gain.high:+.3f}, so it may be chance: more items, or judged "
            "queries, would say it more surely)"
        )
    if gain.value < LEAST_GAIN:
        return Advice.KEEP, f"the new space is not better: {said}"
    way, kept = translation
    if kept.value < floor:
        return (
            Advice.REEMBED,
            f"{said}; without the old model, {way}, it keeps {kept.value:.2f} of that, below the floor of "
            f"{floor:g}, so that is refused",
        )
    if kept.value * native.ndcg.value < old.ndcg.value:
        return (
            Advice.REEMBED,
            f"{said}; without the old model, {way}, it would be {kept.value * native.ndcg.value:.3f}, "
            "less than today",
        )
    return (
        Advice.TRANSLATE,
        f"{said}; without the old model, {way}, it keeps {kept.value:.2f} of that at once, more than today",
    )
