"""Sentences about one matter that disagree in other words are told, and others are not."""

from __future__ import annotations

import numpy as np
import pytest
from support.each import each
from tieback.core.types.generation import Citation, Evidence
from tieback.grounding.conflicts import Conflicts
from tieback.grounding.other_words import said_otherwise
from tieback.grounding.polarity import denials
from tieback.methods.grounding import Passage, Statement

NEAR = np.array([1.0, 0.0], np.float32)
FAR = np.array([0.0, 1.0], np.float32)
APART, BETWEEN = (np.array([np.sin(turn), np.cos(turn)], np.float32) for turn in (1.06, 0.53))
"""As near to `FAR` as what is said in other words is, and a question between both."""


def told(one: str, other: str, question: str = "", *, denied: bool = False) -> str | None:
    """What differs, where all texts are near one another."""
    asked = Statement(question, NEAR) if question else None
    found = said_otherwise(Statement(one, NEAR), Statement(other, NEAR), asked, lambda *_: denied)
    return None if found is None else found.kind.value


@each(
    "one, other, kind",
    [
        ("The limit of an upload is 5 MB.", "Files above two megabytes are refused.", "number"),
        ("You have 30 days of leave.", "Everybody gets more than two weeks of leave.", None),
        ("A parcel of 30 kg costs 9 euros.", "Parcels of more than 20 kg are not carried.", "number"),
        ("You have 10 days of leave.", "Everybody gets more than two weeks of leave.", "number"),
        ("The hall holds 200 people.", "No more than 150 people may be in the hall.", "number"),
        (
            "Interns are paid for on-call duty.",
            "On-call duty of interns is without compensation.",
            "negation",
        ),
        ("Goods can be returned within 30 days.", "Returns are accepted up to one month.", None),
        ("Children under 14 may not use the gym.", "You have to be at least 14 to use the gym.", None),
        ("The site works without cookies.", "Cookies are not required to use the site.", None),
        ("Dogs may run free.", "Dogs are kept on a lead.", None),
        ("The default is the home directory.", "If not specified, the home directory is the default.", None),
        ("The bread contains nuts.", "The bread is free of nuts.", "negation"),
        ("The bread is free of nuts.", "There are no nuts in the bread.", None),
        ("The client no longer supports proxies.", "The client supports proxies.", "negation"),
        ("Use HTTPS.", "Do not use HTTPS.", "negation"),
        ("The water is safe to swim in.", "Bathing in the water is dangerous.", "statement"),
        ("The field is optional.", "The field is mandatory.", "statement"),
        ("The field is optional.", "The field is not mandatory.", None),
        ("New files are kept.", "Old files are kept.", None),
        ("A ticket for the ferry costs 4 euros.", "The ferry is free of charge.", "number"),
        ("Forwarding is disabled by default.", "Forwarding is enabled by default.", "negation"),
        ("Forwarding is disabled by default.", "By default there is no forwarding.", None),
        ("Crates of a path are not permitted.", "A crate of nothing but a path is rejected.", None),
        ("Install xauth for X11.", "X11 works without xauth.", "negation"),
        ("Install xauth for X11.", "Install xauth, or X11 cannot work.", None),
        ("The bank, rather than the buyer, pays.", "The bank pays.", None),
        ("Use a lock to avoid a race.", "Use a lock.", None),
        ("Delivery is free for all orders.", "Delivery costs nothing.", None),
        ("It is open.", "It is shown as open by all signs, which are not lit at night in the winter.", None),
    ],
)
def test_what_differs_is_named(one: str, other: str, kind: str | None) -> None:
    assert told(one, other) == told(other, one) == kind


def test_what_a_checker_denies_both_ways_is_another_statement_unless_it_is_about_numbers() -> None:
    assert told("Dogs may run free.", "Dogs are kept on a lead.", denied=True) == "statement"
    assert told("The bridge was built in 1884.", "The bridge was repaired in 1952.", denied=True) is None


class Reads:
    """A reader that finds the same of all, and what it read."""

    def __init__(self, answered: float, contradicted: float) -> None:
        self.answered, self.contradicted = answered, contradicted
        self.read: list[tuple[str, str]] = []

    def __call__(self, question: str, sentences: str) -> float:
        self.read.append((question, sentences))
        return self.answered

    def contradicts(self, claim: str, sentences: str) -> float:
        self.read.append((claim, sentences))
        return self.contradicted


def read_of(one: str, other: str, question: str, reader: Reads) -> str | None:
    """What differs, where the sentences are as near as what is said in other words."""
    asked = Statement(question, BETWEEN) if question else None
    found = said_otherwise(Statement(one, FAR), Statement(other, APART), asked, None, reader)
    return None if found is None else found.kind.value


VISITS = ("Visitors can come at any time.", "No visits are possible at night.")


@pytest.mark.parametrize(
    ("answered", "contradicted", "kind"), [(2.0, 0.0, "negation"), (2.0, -2.0, None), (0.0, 0.0, None)]
)
def test_what_turns_around_is_a_conflict_where_both_are_read_as_answers_that_contradict_each_other(
    answered: float, contradicted: float, kind: str | None
) -> None:
    assert read_of(*VISITS, "Who can visit?", Reads(answered, contradicted)) == kind


@pytest.mark.parametrize(("answered", "kind"), [(0.5, "negation"), (-0.5, None)])
def test_what_is_nearly_the_same_is_no_conflict_where_one_is_read_as_no_answer(
    answered: float, kind: str | None
) -> None:
    one, other = Statement("The client supports proxies.", NEAR), Statement("No proxies are supported.", NEAR)
    found = said_otherwise(one, other, Statement("What is there?", NEAR), None, Reads(answered, -9.0))

    assert (found.kind.value if found else None) == kind


@pytest.mark.parametrize(("answered", "kind"), [(2.0, "number"), (0.0, None)])
def test_quantities_of_sentences_that_are_less_near_differ_where_both_are_read_as_answers(
    answered: float, kind: str | None
) -> None:
    question, one, other = (
        "How long is the notice?",
        "Notice is three months.",
        "End it with four weeks' notice.",
    )
    notice, end, asked = (
        Statement(text, vector) for text, vector in ((one, FAR), (other, APART), (question, APART))
    )

    found = said_otherwise(notice, end, asked, None, Reads(answered, -9.0))

    assert (found.kind.value if found else None) == kind


def test_the_network_reads_both_ways_round_after_the_question() -> None:
    (one, other), reader = VISITS, Reads(2.0, 0.0)

    read_of(one, other, "Who can visit?", reader)

    assert reader.read[:2] == [("Who can visit?", one), ("Who can visit?", other)]
    assert reader.read[2:] == [(one, f"Who can visit? {other}"), (other, f"Who can visit? {one}")]


@pytest.mark.parametrize(
    ("one", "other", "question"),
    [
        (*VISITS, ""),
        ("Visitors can come at any time.", "Guests are welcome at night.", "Who can visit?"),
        ("No visits are possible after 8 pm.", "Visitors can stay until eight.", "Who can visit?"),
    ],
)
def test_it_is_not_asked_without_a_question_nor_where_nothing_turns_around_or_one_number_is_in_both(
    one: str, other: str, question: str
) -> None:
    reader = Reads(2.0, 2.0)

    assert read_of(one, other, question, reader) is None
    assert not reader.read


def test_of_two_things_in_the_same_words_the_one_that_is_not_asked_of_is_no_conflict() -> None:
    question = "How many days of leave do interns get?"
    one, other = "Interns get 20 days of paid leave.", "Employees get 30 days of paid leave."

    assert told(one, other, question) is None
    assert told(one, other) == "number"


def test_what_is_said_of_a_part_is_no_conflict() -> None:
    question, one = "How long does the jam keep?", "The jam keeps for two years."

    assert told(one, "Opened jam keeps for four weeks.", question) is None
    assert told(one, "Eat the jam within four weeks.", question) == "number"


def test_what_is_far_from_the_question_is_no_conflict() -> None:
    one, other = Statement("It is 5 MB.", NEAR), Statement("It is 2 MB.", NEAR)

    assert said_otherwise(one, other, Statement("How old is it?", FAR), None) is None


@each(
    "one, other, found",
    [
        (
            "2026-11-27 04:39:22 the unit has started 5 jobs",
            "2026-11-27 04:39:23 the unit has started 6 jobs",
            0,
        ),
        ("The unit has started 5 jobs", "The unit has started 6 jobs", 1),
        ("CACHE_TIME, if set, is 5 seconds by default.", "RETRY_TIME, if set, is 6 seconds by default.", 0),
        ("CACHE_TIME, if set, is 5 seconds by default.", "CACHE_TIME, if set, is 6 seconds by default.", 1),
    ],
)
def test_lines_of_a_log_and_what_is_said_of_two_variables_do_not_disagree(
    one: str, other: str, found: int
) -> None:
    sources = [Evidence("1", one, item_id="a"), Evidence("2", other, item_id="b")]
    passages = [Passage(text, [(0, len(text))], NEAR[None]) for text in (one, other)]

    conflicts = Conflicts(sources, passages).of(1, [Citation(1, "1", "a", "", (0, len(one)), 1.0)])

    assert len(conflicts) == found


@pytest.mark.parametrize(("item", "found"), [("a", 0), ("b", 1)])
def test_sentences_of_one_document_are_not_compared_in_other_words(item: str, found: int) -> None:
    texts = ["The limit of an upload is 5 MB.", "Files above two megabytes are refused."]
    sources = [Evidence("1", texts[0], item_id="a"), Evidence("2", texts[1], item_id=item)]
    passages = [Passage(text, [(0, len(text))], NEAR[None]) for text in texts]

    conflicts = Conflicts(sources, passages).of(1, [Citation(1, "1", "a", "", (0, len(texts[0])), 1.0)])

    assert len(conflicts) == found


@pytest.mark.timeout(20)
@pytest.mark.parametrize("word", ["not ", "no, ", "no longer ", "if not "])
def test_a_text_of_negations_is_read_in_time(word: str) -> None:
    assert len(denials(word * 10_000)) in (0, 10_000)
