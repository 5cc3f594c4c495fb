"""The Python of docs/grounding.md runs as it stands, against a real server."""

from typing import Any

import pytest
from support.pages import blocks, page
from tieback.methods.grounding import checkers

PAGE = page("grounding.md")


def test_the_example_runs_and_tells_what_is_supported(
    local_platform: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIEBACK_SERVER", local_platform.address)
    (block,) = blocks(PAGE.partition("\n## ")[0])

    exec(compile(block, "grounding.md", "exec"), {})

    first, cited, second, disagreeing, share, last = capsys.readouterr().out.splitlines()
    assert first == "supported The moon pulls the water."
    assert cited.split()[0] == "1"
    assert second == "unsupported The sun is cold."
    assert disagreeing.split(maxsplit=1) == ["not_mentioned", "[(30, 41)]"]
    assert share == "0.5"
    assert last.startswith("True checks[1].text: the text is empty")


def test_every_checker_is_on_the_page() -> None:
    for name in checkers.names():
        assert f"| `{name}`" in PAGE
