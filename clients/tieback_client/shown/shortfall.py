"""Explains in lines of plain text why too little of a checked text is supported."""

from __future__ import annotations

from collections.abc import Iterator

from tieback_client.checks import Checked
from tieback_client.control_characters import in_a_line, printable
from tieback_client.shown.checked import ShownChecked, ShownCheckedClaim, shown

GOOD = "good"


def shortfall(checked: Checked, *, least_share: float = 1.0) -> str:
    """Text for a person, with each claim that is not supported; empty where enough is.

    Enough is `least_share` of the claims that were decided. Where none was, nothing is known to be supported,
    which is enough for a `least_share` of 0 alone.
    """
    share = checked.supported_share
    if least_share <= 0 or (share is not None and share >= least_share - 1e-9):
        return ""
    told = shown(checked)
    return "\n".join([_heading(share, least_share), *_lines(told), "", *told.legend])


def _heading(share: float | None, least_share: float) -> str:
    if share is None:
        return "no claim of the text could be decided, so none is known to be supported"
    return f"{share:.0%} of the decided claims are supported, and {least_share:.0%} have to be"


def _lines(told: ShownChecked) -> Iterator[str]:
    for one in told.claims:
        if one.claim.tone != GOOD:
            yield from _claim(one)


def _claim(one: ShownCheckedClaim) -> Iterator[str]:
    yield f"  {one.claim.sign} {in_a_line(one.claim.text)}"
    for why in (one.claim.difference, one.reason):
        if why:
            yield f"      {in_a_line(why)}"
    for passage in one.passages:
        place = passage.place or passage.title or f"passage {passage.id}"
        nearest = "nearest, " if one.is_nearest else ""
        yield f"      {nearest}{place}: {in_a_line(printable(passage.text))}"
