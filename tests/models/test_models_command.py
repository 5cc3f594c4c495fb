"""`tieback models`, on an index of its own and on the real store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from support.package_index import Index, make_wheel, point_pip_at, serving, source_of
from tieback.serving.commands.models import models
from tokenizers import Tokenizer
from tokenizers.models import WordLevel


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models, arguments, prog_name="tieback models")


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A catalog with one more card, a static table that an index on loopback has; an empty store."""
    import numpy as np
    from safetensors.numpy import save

    table = save({"table": np.eye(3, 4, dtype=np.float32)})
    vocabulary = Tokenizer(WordLevel({"[UNK]": 0, "owl": 1, "wren": 2}, "[UNK]")).to_str().encode()
    with serving(Index(make_wheel({"m/table": table, "m/vocabulary": vocabulary}))) as index:
        point_pip_at(index, monkeypatch, tmp_path)
        source = source_of(index.wheel, {"m/table": "table.safetensors", "m/vocabulary": "tokenizer.json"})
        card: dict[str, Any] = {
            "name": "small",
            "role": "encoder",
            "runtime": "static_text",
            "description": "Three words.",
            "license": "MIT",
            "upstream": "here",
            "sources": [source.model_dump()],
            "modality": "text",
            "width": 4,
            "kinds": ["dense"],
            "options": {"weights": "table.safetensors", "tensor": "table"},
        }
        folder = tmp_path / "cards"
        folder.mkdir()
        (folder / "small.yaml").write_text(yaml.safe_dump(card))
        monkeypatch.setenv("TIEBACK_CARDS", str(folder))
        monkeypatch.setenv("TIEBACK_MODELS", str(tmp_path / "store"))
        yield folder


def test_a_model_is_listed_pulled_and_verified(cards: Path) -> None:
    before = json.loads(run("list", "--json").stdout)["models"]
    pulled = run("pull", "small")
    after = json.loads(run("list", "--json").stdout)["models"]
    verified = run("verify")

    assert {row["name"]: row["state"] for row in before}["small"] == "not pulled"
    assert "Downloading 1 wheel" in pulled.stderr
    assert "hash checked" in pulled.stderr
    assert pulled.stdout == "Ready: small\n"
    assert {row["name"]: row["state"] for row in after}["small"] == "ready"
    assert (verified.exit_code, verified.stdout) == (
        0, "Checked 1 of the catalog's models and media: no faults\n"
    )  # fmt: skip


def test_a_corrupt_file_is_found_with_its_repair_and_repaired(cards: Path) -> None:
    run("pull", "small")
    (damaged,) = (cards.parent / "store").glob("models/small/*/tokenizer.json")
    damaged.write_bytes(damaged.read_bytes().replace(b"owl", b"elk"))

    found = run("verify", "--json")
    repaired = run("pull", "small")
    again = run("verify")

    assert found.exit_code == 1
    faults = json.loads(found.stdout)["faults"]
    assert {fault["repair"] for fault in faults} == {"tieback models pull small"}
    assert str(damaged) in {fault["file"] for fault in faults}
    assert repaired.exit_code == 0
    assert again.exit_code == 0
    assert b"owl" in damaged.read_bytes()


def test_a_model_that_was_never_pulled_fails_when_it_is_verified_by_name(cards: Path) -> None:
    result = run("verify", "small")

    assert result.exit_code == 1
    assert "run: tieback models pull small" in result.stderr


def test_an_unknown_name_is_answered_with_the_choices(cards: Path) -> None:
    result = run("pull", "smal")

    assert result.exit_code == 1
    assert "did you mean 'small'?" in result.stderr
    assert "Traceback" not in result.output


def test_a_pull_in_json_says_what_is_ready(cards: Path) -> None:
    result = run("pull", "small", "--json")

    assert json.loads(result.stdout)["ready"] == ["small"]
    assert json.loads(result.stdout)["not_exported"] == []


def test_wheels_are_kept_only_if_asked(cards: Path) -> None:
    wheels = cards.parent / "store" / "wheels"

    run("pull", "small", "--keep-wheels")
    kept = [path.suffix for path in wheels.iterdir()]
    run("pull", "small")

    assert kept == [".whl"]
    assert not wheels.exists()


def test_what_is_piped_is_plain(cards: Path) -> None:
    result = run("list")

    assert "small\ttext encoder\tnot pulled\t0\tMIT" in result.stdout.splitlines()
    assert "\x1b" not in result.output


def test_the_real_store_is_as_it_was_written() -> None:
    result = run("verify", "--json")

    assert json.loads(result.stdout)["faults"] == []
    assert result.exit_code == 0
