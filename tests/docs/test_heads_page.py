"""The Python on heads in docs/own-models.md runs as it stands, against a real server."""

import re
from typing import Any

import pytest
from support.lab import lab as lab
from support.pages import blocks, section
from tieback.methods.heads import heads

PAGE = section("own-models.md", "Heads: classifying with a few examples")


def test_the_example_runs_and_classifies_rightly(
    local_platform: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIEBACK_SERVER", local_platform.address)
    (block,) = blocks(PAGE)

    exec(compile(block, "own-models.md", "exec"), {})

    first, *predicted = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"version 1, accuracy [01]\.\d\d, of 2 classes", first)
    assert [line.split()[0] for line in predicted] == ["sea", "kitchen"]


def test_every_method_is_on_the_page() -> None:
    for name in heads.names():
        assert f"| `{name}`" in PAGE
