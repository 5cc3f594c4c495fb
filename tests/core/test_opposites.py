"""Words that are opposed, by WordNet."""

from __future__ import annotations

from support.each import each
from tieback.core.opposites import opposites_of
from tieback.core.terms import terms_of


@each(
    "one, other, are_opposed",
    [
        ("safe", "dangerous", True),
        ("allowed", "forbidden", True),
        ("optional", "required", True),
        ("enabled", "disabled", True),
        ("safe", "red", False),
        ("safe", "safe", False),
        ("elective", "mandatory", False),
    ],
)
def test_opposites_are_opposed_both_ways(one: str, other: str, are_opposed: bool) -> None:
    first, second = terms_of([one, other], "english")

    assert (second in opposites_of(first)) is (first in opposites_of(second)) is are_opposed
