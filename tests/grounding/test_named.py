"""What a question names and no passage does is told exactly."""

from __future__ import annotations

import pytest
from support.each import each
from tieback.grounding.named import MOST, has, identifiers, says, unnamed

PASSAGE = (
    "Prometheus 2.53.3 was released in 2024. The European Union and Groener helped; the Normans did not. "
    "TIEBACK_PORT is the port, which v1.2.3 ignores, and h2o and --force too. It began at 10:05."
)


@each(
    "question, missing",
    [
        ("What is new in Prometheus 3.5?", ["Prometheus 3.5"]),
        ("What is new in Prometheus 2.53?", []),
        ("What happened at 10:05?", []),
        ("What happened at 10:50?", ["10:50"]),
        ("What does TIEBACK_PORT do?", []),
        ("What does TIEBACK_HOST do?", ["TIEBACK_HOST"]),
        ("Does it support HTTP/3?", ["HTTP/3"]),
        ("What is the default of maxRetries?", ["maxRetries"]),
        ("Which CVEs are fixed?", ["CVE"]),
        ("Which option beside --force and --quiet?", ["--quiet"]),
        ("What was released in 2024?", []),
        ("What was released in 2019?", ["2019"]),
        ("How do I install it with Chocolatey?", ["Chocolatey"]),
        ("Did the EU help the Norman kings, or Groner?", []),
        ("Which 3 layers, of 1.5 GB, were made?", []),
        ("What Is The Default Port Of The Server?", []),
        ("Wie hoch ist die Miete der Wohnung im Winter?", []),
    ],
)
def test_what_no_passage_names_is_named(question: str, missing: list[str]) -> None:
    assert unnamed(question, [PASSAGE]) == missing


@each(
    "question, text, missing",
    [
        ("Does it open on Tuesday?", "Mon closed, Tue 8:30", []),
        ("What was said in December?", "It was said on 4 Dec 2024.", []),
        ("What was said in December?", "It was said on 2024-12-04.", []),
        ("Does it open on Tuesday?", "It is open at noon.", ["Tuesday"]),
        ("Does it open on Tuesday?", "The tuning is open.", ["Tuesday"]),
    ],
)
def test_days_and_months_are_named_by_their_short_forms_and_by_dates(
    question: str, text: str, missing: list[str]
) -> None:
    assert unnamed(question, [text]) == missing


@each(
    "question, text, missing",
    [
        ("The cooler hums at night. Does it need oil?", "Oil the cooler when it hums.", []),
        ("Cold brew against drip: Are they the same drink?", "Cold brew is no drip coffee.", []),
        ("When do the MEPs vote on it?", "The vote of MEPs is in June.", []),
        ("Which tribes lived in the North?", "Northern tribes lived there.", []),
        ("Who sailed in Sept 1760?", "Nobody sailed in September 1760.", []),
        ("How hot is it in degrees Celsius?", "It has 21 °C at noon.", []),
        ("How hot is it in degrees Fahrenheit?", "It has 21 °C at noon.", ["Fahrenheit"]),
        ("Does the server speak Java?", "The server speaks JavaScript.", ["Java"]),
    ],
)
def test_a_sentence_begins_with_no_name_and_a_name_may_have_an_end(
    question: str, text: str, missing: list[str]
) -> None:
    assert unnamed(question, [text]) == missing


def test_what_is_told_before_a_question_need_not_be_in_a_passage() -> None:
    passage = ["A tenant may keep a cat where the contract is silent."]

    assert unnamed("I rent from Marlow Homes in York. May I keep a cat?", passage) == []
    assert unnamed("I rent a flat. May I keep a cat in York? Thanks.", passage) == ["York"]


def test_a_version_with_an_epoch_is_another_one_of_its_name() -> None:
    passages = ["kettle 1:10.0p1-1 (11 Apr 2025, Ann Other): The lid is closed."]

    assert unnamed("When was kettle 11.2 released?", passages) == ["kettle 11.2"]
    assert unnamed("When was kettle 10.0p1 released?", passages) == []
    assert unnamed("When was kettle 1:10.0p1-1 released?", passages) == []


def test_a_year_is_missed_only_where_the_passages_have_years() -> None:
    assert unnamed("Who won in 2018?", ["Asuka won the match."]) == []
    assert unnamed("Who won in 2018?", ["Asuka won the match of 2017."]) == ["2018"]


def test_a_version_is_missed_only_where_the_passages_have_another_one_of_the_same() -> None:
    assert unnamed("What is new in Rust 1.95?", ["Rust stabilised guards. Use cargo 1.94."]) == []
    assert unnamed("What is new in Rust 1.95?", ["Rust 1.94 stabilised guards."]) == ["Rust 1.95"]
    assert unnamed("When was Rust 3.0 released?", ["Rust › Version 1.95.1: guards."]) == ["Rust 3.0"]
    assert unnamed("Which CVEs does it fix?", ["CVE-2026-1 is fixed."]) == []


def test_an_identifier_is_found_as_a_whole_and_with_what_follows_its_version() -> None:
    assert identifiers("Does v1.2 of h2o run at 10:05?") == ["v1.2", "h2o", "10:05"]
    assert has("1.2", "since 1.2.3")
    assert not has("1.2", "since 1.25")
    assert has("1.95", '<a id="1.95-notes"></a> notes')
    assert not says("1.95", '<a id="1.95-notes"></a> notes')


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "token", ["a" + "_a" * 2000 + "$", "1." + "1" * 20_000 + "$", "1.1" * 5000 + "$", "a" + ":a" * 5000 + "$"]
)
def test_a_token_that_was_made_to_be_slow_is_read_in_time(token: str) -> None:
    assert identifiers(f"What is {token} here?") == []


@pytest.mark.timeout(20)
def test_of_a_question_of_names_alone_a_few_are_looked_for() -> None:
    names = [f"Qz{chr(97 + one % 26)}{chr(97 + one // 26)}xwvutsr" for one in range(100)]

    found = unnamed("which is " + " of the ".join(names), [" ".join(f"word{one}" for one in range(5000))])

    assert names[0] in found
    assert len(found) <= MOST
