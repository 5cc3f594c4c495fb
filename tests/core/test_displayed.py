"""Texts as a reader sees them."""

from __future__ import annotations

from support.each import each
from tieback.core.text.visible import as_displayed

SENTENCE = "The harbour of Alder was opened in 1250."


@each(
    "unseen",
    ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u034f", "\ufe0f", "\U000e0041"],
)
def test_what_shows_nothing_is_not_there(unseen: str) -> None:
    assert as_displayed(unseen.join(SENTENCE)) == SENTENCE


@each(
    "text, shown",
    [
        (SENTENCE, SENTENCE),
        ("in １２５０", "in 1250"),
        ("in ١٢٥٠", "in 1250"),
        ("in 𝟏𝟐𝟓𝟎", "in 1250"),
        ("Ａｌｄｅｒ, 𝐀𝐥𝐝𝐞𝐫", "Alder, Alder"),
        ("cafe\u0301", "café"),
        ("\u202e0521\u202c ships", "1250 ships"),
        ("in \u202e0521", "in 1250"),
        ("in \u20671250\u2069", "in 1250"),
        ("10² m, ½ mile, ﬁn, naïve, 港 🚢", "10² m, ½ mile, ﬁn, naïve, 港 🚢"),
    ],
)
def test_a_text_is_read_as_it_is_shown(text: str, shown: str) -> None:
    assert as_displayed(text) == shown
