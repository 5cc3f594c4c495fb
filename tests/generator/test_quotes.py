"""Answers that are sentences of the evidence, word for word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from generator.conftest import collect
from tieback.core.errors import InvalidInput, NotFound, Unsupported
from tieback.generator import Generator
from tieback.generator.evidence.passages import ReadEvidence
from tieback.generator.evidence.quotes import quoted, without_unsure
from tieback.grounding import Checkers, ClaimCheck
from tieback.methods.answerability import Judgement
from tieback.methods.grounding import Passage, Statement
from tieback.models.language.model import LanguageModel
from tieback_contract.answers import AbstentionReason, AnswerStyle, FinishReason
from tieback_contract.claims import QuestionFit, Verdict, VerdictLabel
from tieback_contract.field_path import at
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

BRIDGE = "Der Bau begann früh. The bridge is open on monday.\nThe toll is two crowns. Is the bridge long?"
EVIDENCE = [
    Evidence("The library is shut.", "a", item_id="library", section_id="1"),
    Evidence(BRIDGE, "b", item_id="bridge", section_id="2"),
]
QUESTION = "is the bridge open on monday"


async def test_a_quote_is_a_sentence_of_the_evidence_cited_by_its_bytes(small_generator: Generator) -> None:
    answer = await collect(small_generator, QUESTION, EVIDENCE, style=AnswerStyle.QUOTE)

    passages = {one.id: one.text.encode() for one in EVIDENCE}
    assert answer.text.startswith("The bridge is open on monday.")
    for claim in answer.claims:
        [citation] = [one for one in answer.citations if one.claim_id == claim.id]
        assert citation.span is not None
        assert answer.text.encode()[slice(*claim.span)].decode() == claim.text
        assert passages[citation.evidence_id][slice(*citation.span)].decode() == claim.text
    assert {one.label for one in answer.verdicts} == {VerdictLabel.SUPPORTED}
    assert (answer.citations[0].item_id, answer.citations[0].section_id) == ("bridge", "2")


@pytest.mark.parametrize(
    ("certain", "likely", "fit"),
    [
        (0.9, 0.8, QuestionFit.ANSWERS),
        (0.91, 0.9, QuestionFit.LIKELY),
        (0.92, 0.91, QuestionFit.UNSURE),
    ],
)
async def test_a_quote_is_taken_for_the_answer_where_the_judge_is_certain_of_its_passage(
    certain: float, likely: float, fit: QuestionFit
) -> None:
    text, vector = "The toll is two crowns.", np.ones((1, 1), np.float32)
    passage = Passage(text, [(0, len(text))], vector, [vector])
    judgement = Judgement(np.array([0.9]), 0.5, certain, likely)
    question = "How high is the toll?"
    evidence = ReadEvidence(Statement(question, vector[0]), [passage], [np.ones(1)], judgement, [])
    sources = [Evidence(text, "a")]
    checker = Checkers().configured(MethodChoice("verbatim"), at("checker"))
    check = ClaimCheck(sources, [passage], checker, question)

    [verdict] = [one async for one in quoted(question, evidence, check, [(0, 0)]) if isinstance(one, Verdict)]

    assert (verdict.label, verdict.answers_question) == (VerdictLabel.SUPPORTED, fit)


async def test_a_judge_that_cannot_tell_is_certain_of_nothing(small_generator: Generator) -> None:
    answer = await collect(small_generator, QUESTION, EVIDENCE, style=AnswerStyle.QUOTE)

    assert {one.answers_question for one in answer.verdicts} == {QuestionFit.UNSURE}
    assert answer.abstention is None


async def test_no_model_writes_a_quote(small_generator: Generator) -> None:
    finish = (await collect(small_generator, QUESTION, EVIDENCE, style=AnswerStyle.QUOTE)).finish

    assert (finish.style, finish.reason) == (AnswerStyle.QUOTE, FinishReason.END)
    assert (finish.model, finish.prompt_tokens, finish.completion_tokens) == ("", 0, 0)
    assert 0 < finish.first_token <= finish.timing.total


async def test_a_question_of_the_evidence_is_not_quoted_as_an_answer(small_generator: Generator) -> None:
    answer = await collect(small_generator, "is the bridge long", EVIDENCE[1:], style=AnswerStyle.QUOTE)

    assert "?" not in answer.text


async def test_code_is_quoted_with_the_sentence_that_leads_to_it(small_generator: Generator) -> None:
    code = "Is the bridge open on monday, see:\n\n```\nopen = monday\n```"
    text = f"It is shut.\n\n{code}\n\nThe toll is two crowns."
    answer = await collect(small_generator, QUESTION, [Evidence(text, "a")], style=AnswerStyle.QUOTE)

    assert answer.text == code


async def test_a_sentence_that_stands_in_two_passages_is_quoted_once(small_generator: Generator) -> None:
    again = [EVIDENCE[1], Evidence(f"A copy. {BRIDGE}".replace("open on", "open\n on"), "c")]
    answer = await collect(small_generator, QUESTION, again, style=AnswerStyle.QUOTE)

    assert answer.text == "The bridge is open on monday."


async def test_a_heading_is_not_quoted(small_generator: Generator) -> None:
    evidence = [
        Evidence("When the bridge is open\n=======================\n\nThe bridge is open on monday.", "a")
    ]

    answer = await collect(small_generator, QUESTION, evidence, style=AnswerStyle.QUOTE)

    assert answer.text == "The bridge is open on monday."


@pytest.mark.parametrize(
    "nothing", ["<!-- is the bridge open on monday -->", "2. [Is the bridge open on monday](#open)"]
)
async def test_what_no_reader_sees_and_what_only_points_elsewhere_is_not_quoted(
    small_generator: Generator, nothing: str
) -> None:
    evidence = [Evidence(f"{nothing}\n\nThe bridge is open on monday.", "a")]

    answer = await collect(small_generator, QUESTION, evidence, style=AnswerStyle.QUOTE)

    assert answer.text == "The bridge is open on monday."


async def test_a_question_that_names_what_no_passage_does_is_not_answered(small_generator: Generator) -> None:
    question = "is the bridge open on monday in Ghent"
    evidence = [Evidence("The bridge is open on monday.", "a")]

    answer = await collect(small_generator, question, evidence, style=AnswerStyle.QUOTE)
    anyway = await collect(
        *(small_generator, question, evidence),
        style=AnswerStyle.QUOTE,
        grounding=Grounding(abstain_below=0.0),
    )

    assert answer.abstention is not None
    assert answer.abstention.reason is AbstentionReason.NOT_NAMED
    assert answer.abstention.message == "No passage names “Ghent”."
    assert anyway.abstention is None
    assert anyway.text == "The bridge is open on monday."


async def test_a_quote_without_evidence_is_abstained_from(small_generator: Generator) -> None:
    answer = await collect(small_generator, QUESTION, style=AnswerStyle.QUOTE)

    assert answer.text == ""
    assert answer.abstention is not None
    assert answer.abstention.reason is AbstentionReason.NO_EVIDENCE


async def test_claims_of_a_quote_are_not_checked_where_checks_are_off(small_generator: Generator) -> None:
    answer = await collect(
        small_generator, QUESTION, EVIDENCE, style=AnswerStyle.QUOTE, grounding=Grounding(disabled=True)
    )

    assert answer.claims
    assert {one.label for one in answer.verdicts} == {VerdictLabel.NOT_CHECKED}


async def test_a_quote_has_no_tokens_to_sample(small_generator: Generator) -> None:
    with pytest.raises(InvalidInput) as caught:
        await collect(
            small_generator,
            QUESTION,
            EVIDENCE,
            style=AnswerStyle.QUOTE,
            sampling=SamplingParameters(temperature=1.0),
        )

    assert str(caught.value.field) == "sampling"


@pytest.mark.parametrize(
    ("quotes", "evidence", "sampling", "style"),
    [
        (True, EVIDENCE, SamplingParameters(stop=[]), AnswerStyle.QUOTE),
        (False, EVIDENCE, SamplingParameters(), AnswerStyle.WRITE),
        (True, EVIDENCE, SamplingParameters(max_tokens=8), AnswerStyle.WRITE),
        (True, [], SamplingParameters(max_tokens=0), AnswerStyle.WRITE),
    ],
)
async def test_auto_quotes_where_the_card_says_so_and_nothing_is_said_of_tokens(
    small_generator: Generator,
    small_model: LanguageModel,
    monkeypatch: pytest.MonkeyPatch,
    quotes: bool,
    evidence: list[Evidence],
    sampling: SamplingParameters,
    style: AnswerStyle,
) -> None:
    monkeypatch.setattr(small_model, "card", small_model.card.model_copy(update={"quotes": quotes}))

    answer = await collect(small_generator, QUESTION, evidence, sampling=sampling)

    assert answer.finish.style is style


@pytest.mark.parametrize("style", [AnswerStyle.AUTO, AnswerStyle.QUOTE])
async def test_without_a_language_model_the_evidence_is_quoted(
    quoting_generator: Generator, small_generator: Generator, style: AnswerStyle
) -> None:
    answer = await collect(quoting_generator, QUESTION, EVIDENCE, style=style)

    beside_a_model = await collect(small_generator, QUESTION, EVIDENCE, style=AnswerStyle.QUOTE)
    assert answer.events[:-1] == beside_a_model.events[:-1]
    assert (answer.finish.style, answer.finish.model) == (AnswerStyle.QUOTE, "")


async def test_without_a_language_model_nothing_is_answered_from_no_evidence(
    quoting_generator: Generator,
) -> None:
    answer = await collect(quoting_generator, QUESTION)

    assert answer.abstention is not None
    assert answer.abstention.reason is AbstentionReason.NO_EVIDENCE


@pytest.mark.parametrize(
    "how", [{"style": AnswerStyle.WRITE}, {"sampling": SamplingParameters(max_tokens=8)}]
)  # fmt: skip
async def test_without_a_language_model_what_needs_one_is_refused_with_the_way_out(
    quoting_generator: Generator, how: dict[str, Any]
) -> None:
    with pytest.raises(Unsupported, match="no language model, so it quotes: ask for the style quote"):
        await collect(quoting_generator, QUESTION, EVIDENCE, **how)


async def test_without_a_language_model_none_can_be_named(quoting_generator: Generator) -> None:
    with pytest.raises(NotFound, match="no model is named 'small'; this server has no language model"):
        await collect(quoting_generator, QUESTION, EVIDENCE, model="small")


def test_a_quote_that_the_judge_is_unsure_of_is_left_out_beside_one_that_is_likely() -> None:
    judgement = Judgement(np.array([0.9]), 0.3, 0.95, 0.6, {(0, 0): 0.9, (0, 1): 0.4})
    unsure = Judgement(np.array([0.5]), 0.3, 0.95, 0.6, {(0, 0): 0.5, (0, 1): 0.4})

    assert without_unsure([(0, 0), (0, 1)], judgement) == [(0, 0)]
    assert without_unsure([(0, 0), (0, 1)], unsure) == [(0, 0), (0, 1)]
