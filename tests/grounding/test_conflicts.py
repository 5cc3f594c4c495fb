"""Two sentences that say the same but for one thing are said to differ, and others are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from support.each import each
from tieback.core.text.passage_units import in_bytes
from tieback.grounding.conflicts import Conflicts
from tieback.grounding.differences import difference
from tieback.methods.grounding import Passage
from tieback_contract.claims import Citation, ConflictKind
from tieback_contract.generation import Evidence

ROWS = {
    "Markdown": "| hall | rooms | seats in all | day |\n|--|--|--|--|\n| {} | big stage and bar | {} | {} |",
    "CSV": "- hall: {}; rooms it has: big stage and bar; seats in all rooms: {}; day: {}",
}
INTERNS = "Interns are paid for on-call work at night."


@each(
    "one, other, kind, said",
    [
        ("Interns get 20 days of paid leave.", "Interns get 25 days of paid leave.", "number", ("20", "25")),
        (
            "The toll of the old bridge is two crowns.",
            "In winter the toll of the old bridge is three crowns.",
            "number",
            ("two", "three"),
        ),
        ("The old bridge was built in 1884.", "The old bridge was built in 1894.", "date", ("1884", "1894")),
        (
            "The walk takes 30 minutes by the lake.",
            "The walk takes two hours by the lake.",
            "number",
            ("30 minutes", "two hours"),
        ),
        (
            "The old bridge was built in 1884, apart from its towers.",
            "The old bridge was built in 1894, apart from its towers.",
            "date",
            ("1884", "1894"),
        ),
        (
            "The library of the town opens on Monday.",
            "The library of the town opens on Friday.",
            "date",
            ("Monday", "Friday"),
        ),
        (INTERNS, "Interns are not paid for on-call work at night.", "negation", ("", "not")),
        (
            "The rotation of keys is approved by Jonas Lindqvist.",
            "The rotation of keys is approved by Mara Weber.",
            "name",
            ("Jonas Lindqvist", "Mara Weber"),
        ),
    ],
)
def test_sentences_that_say_the_same_but_for_one_thing_differ_in_that(
    one: str, other: str, kind: str, said: tuple[str, str]
) -> None:
    for first, second, expected in ((one, other, said), (other, one, said[::-1])):
        found = difference(first, second)

        assert found is not None
        assert found.kind is ConflictKind(kind)
        spans = (found.one, found.other)
        texts = [
            "" if span is None else text[slice(*span)]
            for text, span in zip((first, second), spans, strict=True)
        ]
        assert tuple(texts) == expected


@each(
    "one, other",
    [
        (INTERNS, INTERNS),
        ("The toll of the bridge is two crowns.", "The toll of the ferry is three crowns."),
        ("In 2019 the company moved its office.", "In 2021 the company moved its office."),
        ("Figure 3 shows the flow at the wing.", "Figure 4 shows the flow at the wing."),
        ("Some 239,000 people live in the town.", "The people who live in the town are 238,855."),
        ("Anna likes the tea of the house.", "Bruno likes the tea of the house."),
        ("The lift carries 8 people of 75 kg.", "The lift carries 9 people of 80 kg."),
        ("The walk takes 30 minutes by the lake.", "The walk takes 0.5 hours by the lake."),
        ("The walk by the lake takes 2 hours.", "The walk by the lake takes more than 30 minutes."),
        ("## Section 2 of the old rules", "## Section 3 of the old rules"),
        ("It is open.", "It is not open."),
        ("", "…"),
    ],
)
def test_sentences_about_different_things_or_that_agree_do_not_differ(one: str, other: str) -> None:
    assert difference(one, other) is None
    assert difference(other, one) is None


def conflicts(one: Evidence, other: Evidence, question: str = "") -> list[tuple[str, str]]:
    """Of the first passage's last sentence or row with those of the other: what each says."""
    spans = [[span for _, span in in_bytes(each.text)] for each in (one, other)]
    passages = [
        Passage(each.text, own, np.ones((len(own), 1), np.float32))
        for each, own in zip((one, other), spans, strict=True)
    ]
    cited = Citation(1, one.id, one.item_id, one.section_id, passages[0].windows[-1], 1.0)
    text = one.text.encode()
    found = Conflicts([one, other], passages, question)
    told = [
        (text[slice(*each.cited.differs or (0, 0))].decode(), each.other.evidence_id)
        for each in found.of(1, [cited])
    ]
    assert found.of(2, [cited]) == []
    return told


def test_a_conflict_names_both_places_by_their_bytes_and_is_told_once() -> None:
    policy, draft = (Evidence(f"Für interns there are {days} days of paid leave.", name)
                     for name, days in (("policy", 20), ("draft", 25)))  # fmt: skip

    assert conflicts(policy, draft) == [("20", "draft")]


def test_what_is_said_of_another_name_than_the_question_has_is_no_conflict() -> None:
    kenya, peru = (
        Evidence(f"The median age is {age} years in all.", name, title=f"{name} (facts)")
        for name, age in (("Kenya", 21), ("Peru", 30))
    )

    assert conflicts(kenya, peru, "What is the median age in Kenya?") == []
    assert conflicts(kenya, peru, "What is the median age?") == [("21", "Peru")]


def test_rows_of_two_tables_of_one_item_are_no_conflict() -> None:
    rows = [
        Evidence(f"| hits of one search at once | {most} |", name, item_id=item)
        for name, most, item in (("a", 10, "one"), ("b", 20, "one"), ("c", 20, "other"))
    ]

    assert conflicts(rows[0], rows[1]) == []
    assert conflicts(rows[0], rows[2]) == [("10", "c")]


def test_rows_of_one_table_do_not_disagree_whatever_form_they_have() -> None:
    for form, table in ROWS.items():
        monday = Evidence(table.format("Alder", 40, "Monday"), "a", item_id="timetable")
        friday = replace(monday, id="b", text=table.format("Alder", 40, "Friday"))
        another = Evidence(table.format("Birk", 40, "Monday"), "c", item_id="flyer")
        more = replace(another, text=table.format("Alder", 60, "Monday"))

        assert conflicts(monday, friday) == [], f"{form}: two rows of one table"
        assert conflicts(monday, another) == [], f"{form}: of another hall"
        assert conflicts(monday, more) == [("40", "c")], f"{form}: of one hall in two tables"


def test_an_item_of_a_table_of_contents_says_nothing() -> None:
    item, other = (
        Evidence(f"* [The lid opens {count} times a day](#lid)", name)
        for name, count in (("a", "two"), ("b", "three"))
    )

    assert conflicts(item, replace(other, text="The lid opens three times a day")) == []
    assert conflicts(replace(item, text="The lid opens two times a day"), other) == []
    bare = [replace(one, text=one.text[3:-7]) for one in (item, other)]
    assert conflicts(bare[0], bare[1]) == [("two", "b")]
