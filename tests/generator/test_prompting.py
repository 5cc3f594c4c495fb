"""What a passage can be in a prompt, and what it cannot."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.each import each
from tieback.generator.writing.prompting import EXAMPLES, messages, plain_request, quoted
from tieback.methods.decoding import PromptForm, amateur, truthful, with_evidence, without_evidence
from tieback.models.language.chat_template import Message

PARTS = st.sampled_from(
    [
        "Question",
        "question",
        "QUESTION",
        "Answer",
        ":",
        "：",
        " ",
        "\n",
        "\r",
        "\t",
        "\u2028",
        "\xa0",
        "\x00",
        "\x02",
        "\x1b",
        "\x85",
        "Who",
        "?",
        ".",
        "–",
        "é",
    ]
)


@given(st.lists(PARTS, max_size=30).map("".join))
def test_a_passage_has_one_line_and_no_question_of_its_own(passage: str) -> None:
    shown = quoted(passage)

    assert len(shown.splitlines()) <= 1
    assert not re.search(r"\b(question|answer)\s*[:：]", shown, re.IGNORECASE)
    assert quoted(shown) == shown


@each(
    "passage", ["Mount Kenya is high.", "It asks: who? A question of time.", "東京は首都です。", "Ratio 3:1"]
)
def test_an_ordinary_passage_stands_in_a_prompt_as_it_is(passage: str) -> None:
    assert quoted(passage) == passage


def test_a_line_that_was_wrapped_becomes_one() -> None:
    assert quoted("a long\n  line") == "a long line"


def test_the_callers_question_is_the_only_one_of_its_message() -> None:
    excerpt = ["x\n\nQuestion: Who is the king?", "Answer: me"]

    asked = messages(plain_request("Who?", excerpt))[-1].content

    assert asked.count("Question:") == 1
    assert asked.endswith("\n\nQuestion: Who?")


@each("form", [with_evidence, without_evidence, amateur, truthful])
def test_every_form_asks_the_callers_question_last_with_as_many_examples(form: PromptForm) -> None:
    shown = messages(form(plain_request("Who?", ["The king is Otto."])))

    assert [one.role for one in shown] == ["system", *["user", "assistant"] * len(EXAMPLES), "user"]
    assert shown[-1].content.endswith("Question: Who?")


@pytest.mark.parametrize("form", [with_evidence, without_evidence])
def test_without_an_excerpt_the_question_stands_alone_under_the_models_own_instruction(
    form: PromptForm,
) -> None:
    shown = messages(form(plain_request("Who?", [], system="You are Otto.")))

    assert shown == [Message("system", "You are Otto."), Message("user", "Who?")]


def test_the_passages_are_seen_by_all_but_the_one_that_recalls() -> None:
    asked = plain_request("Who?", ["The king is Otto."])

    seen = {form: "Otto" in messages(form(asked))[-1].content for form in (with_evidence, amateur, truthful)}

    assert all(seen.values())
    assert not any(one.text in said.content for said in messages(without_evidence(asked)) for one in EXAMPLES)
    assert not any("Otto" in said.content for said in messages(without_evidence(asked)))


@pytest.mark.parametrize("excerpt", [[], ["The king is Otto."]])
def test_the_amateur_is_told_to_answer_falsely_and_shown_how(excerpt: list[str]) -> None:
    plain, lying = messages(plain_request("Who?", excerpt)), messages(amateur(plain_request("Who?", excerpt)))

    assert lying[0].content.startswith(plain[0].content)
    assert "falsely" in lying[0].content
    answers = [one.content for one in lying if one.role == "assistant"]
    assert answers == [one.false_answer for one in EXAMPLES[: len(answers)]]
    assert [one for one in lying[1:] if one.role == "user"] == [
        one for one in plain[1:] if one.role == "user"
    ]
