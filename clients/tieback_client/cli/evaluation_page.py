"""The page of an evaluation: measures, levels, and every question with its answer, the wrong ones first."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tieback.reports.claims import PublishedClaim
from tieback.reports.page import page
from tieback.reports.parts import cards, section, table

from tieback_client.evaluation import Judged, Measure, Outcome, levels, measures

ORDER = (Outcome.WRONG, Outcome.OTHER_FILE, Outcome.WITHHELD, Outcome.RIGHT, Outcome.ABSTAINED)


def evaluation_page(collection: str, found: Sequence[Judged]) -> str:
    """The page as HTML, which loads nothing and runs nothing."""
    opened = sum(one.expected.is_open for one in found)
    heading = f"What answers from {collection} are worth"
    return page(
        heading,
        heading,
        f"{len(found)} questions, {opened} of them open: nothing in the collection answers those.",
        [
            cards(
                "Measures",
                "Shares of questions, with 95 % intervals.",
                [_card(one) for one in measures(found)],
            ),
            cards(
                "Levels",
                "Of what is shown with each level, so much is right.",
                [_card(one) for one in levels(found)],
            ),
            *(_questions(outcome, [one for one in found if one.outcome is outcome]) for outcome in ORDER),
        ],
    )


def _card(one: Measure) -> PublishedClaim:
    if one.value is None or one.interval is None:
        return PublishedClaim(one.name, "–", "", None, f"{one.said}; there is no such question")
    low, high = one.interval
    return PublishedClaim(
        one.name, f"{one.value:.2f}", "", None, f"{one.said}: {one.count} of {one.of} [{low:.2f}, {high:.2f}]"
    )


def _questions(outcome: Outcome, found: Sequence[Judged]) -> str:
    header = ("question", "answer", "level", "cited", "expected", "rank of the file")
    rows = [
        [
            escape(one.expected.question),
            escape(one.text),
            escape(one.level),
            escape(", ".join(one.cited)),
            escape(" | ".join((*one.expected.answers, *one.expected.files)) or "no answer"),
            "–" if one.rank is None else str(one.rank),
        ]
        for one in found
    ]
    title = f"{outcome.value.capitalize()}: {len(found)}"
    return section(title, "", table(header, rows, [5], stack=True) if rows else "")
