"""docs/answers.md names what there is, and its Python runs as it stands, against a real server."""

import re
from pathlib import Path
from typing import Any

import pytest
from tieback.methods.answerability import answerabilities
from tieback_client import AnswerStyle, QuestionFit

PAGE = (Path(__file__).parents[2] / "docs/answers.md").read_text(encoding="utf-8")


def test_the_example_quotes_what_answers(
    local_platform: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIEBACK_SERVER", local_platform.address)
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)

    exec(compile(block, "answers.md", "exec"), {})

    assert capsys.readouterr().out.strip()


def test_every_style_judge_and_fit_is_on_the_page() -> None:
    for name in (*AnswerStyle, *answerabilities.names(), *QuestionFit):
        assert f"| `{name}`" in PAGE
