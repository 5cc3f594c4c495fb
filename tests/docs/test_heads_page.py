"""The Python of docs/heads.md runs as it stands, against a real server."""

import re
from pathlib import Path
from typing import Any

import pytest
from tieback.methods.heads import heads

PAGE = (Path(__file__).parents[2] / "docs/heads.md").read_text(encoding="utf-8")


def test_the_example_runs_and_classifies_rightly(
    local_platform: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIEBACK_SERVER", local_platform.address)
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)

    exec(compile(block, "heads.md", "exec"), {})

    first, *predicted = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"version 1, accuracy [01]\.\d\d, of 2 classes", first)
    assert [line.split()[0] for line in predicted] == ["sea", "kitchen"]


def test_every_method_is_on_the_page() -> None:
    for name in heads.names():
        assert f"| `{name}`" in PAGE
