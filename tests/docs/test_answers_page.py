"""docs/answers.md names what there is, and its Python runs as it stands, against a real server."""

from typing import Any

import pytest
from support.lab import lab as lab
from support.pages import blocks, page
from tieback.methods.answerability import answerabilities
from tieback_client import AnswerStyle, QuestionFit

PAGE = page("answers.md")


def test_the_examples_quote_what_answers_and_name_what_disagrees(
    local_platform: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIEBACK_SERVER", local_platform.address)

    for block in blocks(PAGE):
        exec(compile(block, "answers.md", "exec"), {})
        said = capsys.readouterr().out
        assert said.strip()
        if "history" in block:
            assert said.startswith("When was Ada Lovelace born? Ada Lovelace was born in London in 1815.")
        if "conflicts" in block:
            assert sorted(said.split()) == ["1", "2", "20", "25", "number"]


def test_every_style_judge_and_fit_is_on_the_page() -> None:
    for name in (*AnswerStyle, *answerabilities.names(), *QuestionFit):
        assert f"| `{name}`" in PAGE
