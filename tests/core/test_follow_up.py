"""Questions of a conversation that become questions of their own."""

from __future__ import annotations

import time

from tieback.core.text.questions import names, standalone
from tieback_contract.generation import ChatMessage, ChatRole


def talk(*texts: str) -> list[ChatMessage]:
    """Questions and answers in turn."""
    return [ChatMessage(ChatRole.ASSISTANT if n % 2 else ChatRole.USER, text) for n, text in enumerate(texts)]


def test_a_question_gets_what_it_lacks_of_the_questions_before() -> None:
    for said, question, expected in (
        (["Who was Ada Lovelace?", "A writer."], "When was she born?", "When was Ada Lovelace born?"),
        (["Who was Ada Lovelace?", "-"], "What was his style?", "What was Ada Lovelace's style?"),
        (["Who was Ada Lovelace?", "-"], "Was it hers?", "Was it hers? (Ada Lovelace)"),
        (["how do I rotate keys?", "By hand."], "And how often?", "And how often? (rotate, keys)"),
        (["Tell me of the Bank of England.", "-"], "Why then?", "Why then? (Bank of England)"),
        (
            ["Tell me about Ada.", "-", "Who led the Bank of England in 1840?", "Nobody."],
            "Did they lend more?",
            "Did Bank of England lend more?",
        ),
        (
            ["Who was Ada Lovelace?", "-", "What did Babbage say to Ada?", "-"],
            "Was he kind to Byron?",
            "Was Ada Lovelace kind to Byron? (Babbage)",
        ),
        (["Wer leitet die Werft?", "Frau Kim."], "Seit wann?", "Seit wann? (Werft)"),
    ):
        assert standalone(question, talk(*said)) == expected


def test_a_question_that_can_stand_alone_is_left_as_it_is() -> None:
    said = talk("Who was Ada Lovelace?", "A writer.")
    for question in (
        "Which ports does the gateway of the platform open?",
        "When did Charles Babbage write to Ada Lovelace about that?",
        "Who approves a rotation of keys?",
    ):
        assert standalone(question, said) == question
    assert standalone("And then?", []) == "And then?"
    assert standalone(" ", said) == " "
    assert standalone("And then?", talk("And now?", "Nothing.")[1:]) == "And then?"


def test_names_are_words_with_capitals_or_digits_and_the_first_word_alone_is_none() -> None:
    assert names("Tell me about Y. A. Tittle.") == ["Y. A. Tittle"]
    assert names("Does the Bank of England, or Rust 1.95, use GitHub's keys?") == [
        "Bank of England",
        "Rust 1.95",
        "GitHub",
    ]
    assert names("Explain tides") == []
    assert names("Ada Lovelace wrote") == ["Ada Lovelace"]
    assert names("") == []


def test_any_text_is_rewritten_in_time_that_grows_with_its_length_alone() -> None:
    hostile = ["(((" * 30_000, "A " * 40_000, "of " * 40_000, "\ud800\x00 A", "²" * 9000, "it it it " * 9000]
    began = time.perf_counter()

    for text in hostile:
        assert len(standalone(text, talk(*hostile * 10))) <= len(text) + 1200

    assert time.perf_counter() - began < 5
