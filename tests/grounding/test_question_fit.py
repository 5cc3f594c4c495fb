"""Claims that are read together with their question."""

from __future__ import annotations

import pytest
from support.each import each
from tieback.core.call import NO_CALL
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.grounding import ClaimChecker
from tieback.grounding.question_fit import answering, as_stated, fit_of
from tieback_contract.claims import Claim, QuestionFit, Verdict, VerdictLabel
from tieback_contract.generation import Evidence

ANSWERS, ECHO, OTHER = QuestionFit.ANSWERS, QuestionFit.ECHO, QuestionFit.OTHER_KIND


@each(
    "question, claim, fit",
    [
        ("Who approves a rotation of keys?", "Jonas Lindqvist is 2021.", OTHER),
        ("When did Jonas Lindqvist join?", "Jonas Lindqvist is 2021.", OTHER),
        ("When did Jonas Lindqvist join?", "Jonas Lindqvist joined in 2021.", ANSWERS),
        ("When did Jonas Lindqvist join?", "Jonas Lindqvist joined the company.", OTHER),
        ("Who approves a rotation of keys?", "A rotation of keys is approved.", ECHO),
        ("Who approves a rotation of keys?", "Who approves a rotation of keys?", ECHO),
        ("Who approves a rotation of keys?", "Two people approve it.", ANSWERS),
        ("Who approves a rotation of keys?", "Mara Oyelaran approves it.", ANSWERS),
        ("How many days of leave are there?", "There are thirty days of leave.", ANSWERS),
        ("How many days of leave are there?", "Leave is asked for by mail.", OTHER),
        ("What happens when a key is lost?", "It is revoked within an hour.", ANSWERS),
        ("Are interns paid for on-call?", "No, interns are not paid for on-call.", ANSWERS),
        ("Are interns paid for on-call?", "Interns are not paid for on-call.", ANSWERS),
        ("Are interns paid for on-call?", "Yes, interns are not paid for on-call.", OTHER),
        ("Are interns paid for on-call?", "No, interns are paid for on-call.", OTHER),
        ("Is on-call not paid?", "No, on-call is paid.", ANSWERS),
        ("How do I add a model?", "Add a model: `models add`", ANSWERS),
        ("How do I add a model?", "```\nadd --model\n```", ANSWERS),
        ("How do I add a model?", "Add a model.", ECHO),
        ("How do I add a model with `models`?", "Add a model with `models`.", ECHO),
        ("Which models can I add?", "Add `models`.", ECHO),
    ],
)
def test_what_cannot_be_an_answer_is_told_apart(question: str, claim: str, fit: QuestionFit) -> None:
    assert fit_of(question, claim) is fit


@each(
    "claim, stated",
    [
        ("No, interns are not paid.", "interns are not paid."),
        ("Yes – the bridge is open.", "the bridge is open."),
        ("No.", "No."),
        ("No rain fell.", "No rain fell."),
        ("Nobody came.", "Nobody came."),
    ],
)
def test_a_yes_or_no_is_not_part_of_what_is_stated(claim: str, stated: str) -> None:
    assert as_stated(claim) == stated


async def test_a_no_before_a_negation_is_no_second_one(checker: ClaimChecker) -> None:
    reply = await checker.check_grounding(
        CheckGroundingRequest(
            [
                GroundingCheck(
                    "No, interns are not paid for on-call.",
                    [Evidence("Interns are not paid for on-call.", "a")],
                    question="Are interns paid for on-call?",
                )
            ]
        ),
        NO_CALL,
    )

    [checked] = reply.results
    assert isinstance(checked, CheckedClaims)
    [verdict] = checked.verdicts
    assert (verdict.label, verdict.answers_question) == (VerdictLabel.SUPPORTED, ANSWERS)


async def test_a_claim_that_is_not_checked_or_not_asked_for_has_no_fit(checker: ClaimChecker) -> None:
    evidence = [Evidence("The bridge is open.", "a")]
    reply = await checker.check_grounding(
        CheckGroundingRequest(
            [
                GroundingCheck("The bridge is open.", evidence),
                GroundingCheck("The bridge.", [], question="Which?"),
            ]
        ),
        NO_CALL,
    )

    assert [one.verdicts[0].answers_question for one in reply.results if isinstance(one, CheckedClaims)] == [
        None,
        None,
    ]


@pytest.mark.timeout(20)
def test_a_claim_of_blanks_is_read_in_time() -> None:
    assert fit_of("Who is it?", "Ann Lee is" + " " * 20_000 + "2021.") is OTHER
    assert fit_of("Who is it?", "Ann Lee is" + " " * 20_000 + "x.x") is ANSWERS


def test_a_number_with_its_unit_is_one() -> None:
    assert fit_of("How much time does a step take?", "A step takes 60ns.") is QuestionFit.ANSWERS
    assert fit_of("How much memory does it take?", "It takes memory, and time.") is QuestionFit.OTHER_KIND


@each(
    "question, quote, other",
    [
        ("Wie oft am Tag steigt die Flut?", "Die Flut steigt zweimal am Tag.", True),
        ("Combien de fois par jour la marée monte-t-elle ?", "La marée monte deux fois par jour.", True),
        ("Wie oft am Tag steigt die Flut?", "The tide rises twice a day.", True),
        ("How often does the tide rise?", "Die Flut steigt zweimal am Tag.", True),
        ("How often does the tide rise?", "The tide rises twice a day.", False),
        ("What is the price?", "| Premium | 12 € |", False),
    ],
)
def test_a_question_or_quote_in_another_language_is_told(question: str, quote: str, other: bool) -> None:
    claim = Claim(1, (0, len(quote.encode())), quote)

    [told] = answering(question, claim, [Verdict(1, VerdictLabel.SUPPORTED, 1.0, "verbatim")])

    assert isinstance(told, Verdict)
    assert told.other_language is other
